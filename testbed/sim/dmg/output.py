"""What dmg prints: text and JSON out of plain dictionaries, as releases 1.2.0 and 2.0.3 do.

Pure. The keys of the dictionaries are those of release 2.0's JSON. `version` is the release of the
dmg that prints; where 1.2 differs it says so. What JSON of 2.2 and later has is in output_later.py.
"""

import json
import re
from typing import TYPE_CHECKING, Any

from ..common import ranges
from ..common.release import numbers, since
from . import output_later

if TYPE_CHECKING:
    from .properties import Property

Plain = dict[str, Any]

STATES = {"awaitformat": "AwaitFormat", "adminexcluded": "AdminExcluded"}
_MEMBER = ["addr", "state", "fault_domain", "rank", "incarnation", "uuid"]
_MEMBER += ["fabric_uri", "fabric_contexts", "info", "last_update"]
_MEMBER_1 = [key for key in _MEMBER if key not in ("incarnation", "last_update")]
_POOL_QUERY = ["status", "uuid", "total_targets", "active_targets", "total_nodes"]
_POOL_QUERY += ["disabled_targets", "version", "leader", "rebuild"]
TIER = ["total", "free", "min", "max", "mean"]


def old(version: str) -> bool:
    """Is it a release 1.x, which prints some things differently?"""
    return numbers(version) < (2,)


# JSON


def json_answer(response: Any, error: str | None = None, status: int = 0) -> str:
    """The envelope of every JSON answer, in which Go escapes what HTML would not take."""
    answer = {"response": response, "error": error, "status": status}
    text = json.dumps(answer, indent=2, ensure_ascii=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text + "\n"


def quoted(text: str) -> str:
    """The text as Go quotes it in messages."""
    return json.dumps(text, ensure_ascii=False)


def json_system_query(members: list[Plain], version: str) -> Plain:
    """The response of `dmg -j system query`."""
    keys = _MEMBER_1 if old(version) else _MEMBER
    rows = [{key: member[key] for key in keys} for member in members]
    for row in rows:
        if "last_update" in row:
            row["last_update"] = _as_go_writes(row["last_update"])
    if since(version, "2.6.0"):
        return output_later.system_query(rows, version)
    return {"members": rows or None}


def _as_go_writes(time: str) -> str:
    """A time in RFC 3339 without zeros at the end of its fraction of a second."""
    return re.sub(r"\.?0*(?=Z|[+-]\d\d:\d\d$)", "", time) if "." in time else time


def json_rank_results(results: list[Plain]) -> Plain:
    """The response of `dmg -j system stop` and `start`."""
    rows = [
        {
            "state": result["state"],
            "Addr": result["addr"],
            "Rank": result["rank"],
            "Action": result["action"],
            "Errored": result["errored"],
            "Msg": result["msg"],
        }
        for result in results
    ]
    return {"Results": rows or None}


def json_leader_query(leader: str, replicas: list[str] | None, version: str) -> Plain:
    """The response of `dmg -j system leader-query`."""
    if since(version, "2.6.0"):
        return output_later.leader_query(leader, replicas or [])
    return {"CurrentLeader": leader, "Replicas": replicas}


def json_pool_list(pools: list[Plain], version: str) -> Plain:
    """The response of `dmg -j pool list`; `pools` as of `pool_row`."""
    if old(version):
        rows = [{"uuid": pool["uuid"], "svc_reps": pool["svc_reps"]} for pool in pools]
        return {"Status": 0, "pools": rows or None}
    if since(version, "2.2.0"):
        return output_later.pool_list(pools, version)
    rows = [{key: pool[key] for key in pool if key != "queried"} for pool in pools]
    return {"status": 0, "pools": rows or None}


def json_pool_query(pool: Plain, version: str) -> Plain:
    """The response of `dmg -j pool query`."""
    if since(version, "2.2.0"):
        return output_later.pool_query(pool, _usages(pool), version)
    head = {key: pool[key] for key in _POOL_QUERY}
    tiers = pool["tier_stats"]
    if old(version):
        return head | {tier["media_type"]: {key: tier[key] for key in TIER} for tier in tiers}
    return head | {"tier_stats": [{key: t[key] for key in [*TIER, "media_type"]} for t in tiers]}


def json_no_pool(version: str) -> Plain | None:
    """The response of `dmg -j pool query` where the pool could not be queried."""
    if since(version, "2.2.0"):
        return output_later.no_pool(version)
    tiers = ("scm", "nvme") if old(version) else ("tier_stats",)
    nothing = dict.fromkeys(("rebuild", *tiers))
    return {**dict.fromkeys(_POOL_QUERY, 0), "uuid": "", **nothing}


def pool_row(uuid: str, label: str, svc_reps: list[int], query: Plain | None, error: str) -> Plain:
    """One pool of a list: `query` is the answer to its PoolQuery, or `error` says why none came.

    What is "queried" is that answer, of which later releases tell more.
    """
    queried = query
    query = query or {"total_targets": 0, "disabled_targets": 0, "tier_stats": []}
    return {
        "uuid": uuid,
        "label": label,
        "svc_reps": svc_reps,
        "targets_total": query["total_targets"],
        "targets_disabled": query["disabled_targets"],
        "query_error_msg": error,
        "query_status_msg": "",
        "usage": _usages(query),
        "queried": queried,
    }


def _usages(query: Plain) -> list[Plain] | None:
    targets = query["total_targets"] - query["disabled_targets"]
    return [_usage(tier, targets) for tier in query["tier_stats"]] or None


def _usage(tier: Plain, targets: int) -> Plain:
    """`imbalance`: the spread of the targets' free space, in percent of a target's share."""
    spread = tier["max"] - tier["min"]
    return {
        "tier_name": tier["media_type"].upper(),
        "size": tier["total"],
        "free": tier["free"],
        "imbalance": int(100 * spread * targets / tier["total"]) if tier["total"] else 0,
    }


# Text


def version_line(version: str) -> str:
    """`dmg version`, which knows no JSON before 2.4."""
    name = "DAOS Admin Tool" if since(version, "2.4.0") else "dmg"
    return f"{name} version {version}\n"


def error_line(message: str) -> str:
    """What goes to standard error when a command fails."""
    return f"ERROR: dmg: {message}\n"


def unknown(kind: str, absent: str) -> str:
    """What is said of ranks or hosts that there are not: "Unknown 2 ranks: 98-99"."""
    count = len(ranges.ranks_of(absent) if kind == "ranks" else ranges.hosts_of(absent))
    return f"Unknown {count} {kind if count > 1 else kind[:-1]}: {absent}"


def system_query(members: list[Plain], verbose: bool, absent: str, version: str) -> str:
    """`dmg system query`.

    + absent: ranks that were named and that there are not
    """
    if not members:
        if old(version):
            return "Query matches no members in system.\n\n"
        return "Query matches no ranks in system\n"
    if not verbose:
        groups: dict[tuple[str, ...], list[int]] = {}
        for member in members:
            groups.setdefault((_state(member),), []).append(member["rank"])
        if absent:
            groups[("Unknown Rank",)] = ranges.ranks_of(absent)
        return _grouped(["Rank", "State"], groups)
    rows = [
        [str(m["rank"]), m["uuid"], m["addr"], m["fault_domain"], _state(m), m["info"]]
        for m in sorted(members, key=lambda member: int(member["rank"]))
    ]
    head = ["Rank", "UUID", "Control Address", "Fault Domain", "State", "Reason"]
    return table(head, rows) + "\n"


def rank_results(results: list[Plain], absent: str, version: str) -> str:
    """`dmg system stop` and `start`.

    + absent: ranks that were named and that there are not
    """
    if not (results or (absent and old(version))):
        return "No results returned\n"
    groups: dict[tuple[str, ...], list[int]] = {}
    for result in results:
        outcome = result["msg"] if result["errored"] else "OK"
        groups.setdefault((result["action"], outcome), []).append(result["rank"])
    if absent:
        groups[("----", "Unknown Rank")] = ranges.ranks_of(absent)
    return _grouped(["Rank", "Operation", "Result"], groups)


def leader_query(leader: str, replicas: list[str]) -> str:
    """`dmg system leader-query`."""
    return f"Current Leader: {leader}\n   Replica Set: {', '.join(replicas)}\n"


def pool_list(pools: list[Plain], verbose: bool, version: str) -> str:
    """`dmg pool list` and `dmg system list-pools`; `pools` as of `pool_row`."""
    if not pools:
        return "no pools in system\n"
    if old(version):
        rows = [[pool["uuid"], ranges.folded(pool["svc_reps"])] for pool in pools]
        return table(["Pool UUID", "Svc Replicas"], rows)
    good = [pool for pool in pools if not pool["query_error_msg"]]
    rows = [_verbose_pool(pool) if verbose else _short_pool(pool) for pool in good]
    head = ["Pool", "Size", "Used", "Imbalance", "Disabled"]
    if verbose:
        tiers = [usage["tier_name"] for pool in good[:1] for usage in pool["usage"] or []]
        columns = [f"{tier} {what}" for tier in tiers for what in ("Size", "Used", "Imbalance")]
        head = ["Label", "UUID", "SvcReps", *columns, "Disabled"]
    return table(head, rows) + "\n"


def not_queried(pools: list[Plain]) -> str:
    """What `dmg pool list` says of pools that could not be queried, "" where all could be."""
    return "\n".join(
        f'Query on pool "{_name(pool)}" unsuccessful, error: "{pool["query_error_msg"]}"'
        for pool in pools
        if pool["query_error_msg"]
    )


def _name(pool: Plain) -> str:
    return str(pool["label"] or pool["uuid"].partition("-")[0])


def _short_pool(pool: Plain) -> list[str]:
    """The last tier's size, the fullest tier's use, the most uneven tier's imbalance."""
    usage = pool["usage"] or []
    size = next((tier["size"] for tier in reversed(usage) if tier["size"]), 0)
    used = max((100 * (t["size"] - t["free"]) // t["size"] for t in usage if t["size"]), default=0)
    imbalance = max((tier["imbalance"] for tier in usage), default=0)
    return [_name(pool), bytes_text(size), f"{used}%", f"{imbalance}%", _disabled(pool)]


def _verbose_pool(pool: Plain) -> list[str]:
    row = [pool["label"] or "-", pool["uuid"], ranges.folded(pool["svc_reps"])]
    for tier in pool["usage"] or []:
        used = bytes_text(tier["size"] - tier["free"])
        row += [bytes_text(tier["size"]), used, f"{tier['imbalance']}%"]
    return [*row, _disabled(pool)]


def _disabled(pool: Plain) -> str:
    return f"{pool['targets_disabled']}/{pool['targets_total']}"


def pool_query(pool: Plain, version: str) -> str:
    """`dmg pool query`."""
    lines = [
        f"Pool {pool['uuid']}, ntarget={pool['total_targets']}, "
        f"disabled={pool['disabled_targets']}, leader={pool['leader']}, "
        f"version={pool['version']}",
        "Pool space info:",
        f"- Target(VOS) count:{pool['active_targets']}",
    ]
    for number, tier in enumerate(pool["tier_stats"]):
        media = {"scm": "SCM", "nvme": "NVMe"}[tier["media_type"]]
        sizes = {key: bytes_text(tier[key]) for key in TIER}
        lines += [
            f"- {media}:" if old(version) else f"- Storage tier {number} ({media}):",
            f"  Total size: {sizes['total']}",
            f"  Free: {sizes['free']}, min:{sizes['min']}, max:{sizes['max']}, "
            f"mean:{sizes['mean']}",
        ]
    rebuild = pool["rebuild"]
    lines.append(
        f"Rebuild {rebuild['state']}, {rebuild['objects']} objs, {rebuild['records']} recs"
    )
    return "\n".join(lines) + "\n"


def pool_properties(pool: str, found: list[tuple["Property", Any]]) -> str:
    """`dmg pool get-prop`: properties, each with its value."""
    rows = [[f"{prop.text} ({prop.name})", prop.shown(value)] for prop, value in found]
    return f"Pool {pool} properties:\n{table(['Name', 'Value'], rows)}"


def json_pool_properties(found: list[tuple["Property", Any]]) -> list[Plain]:
    """The response of `dmg -j pool get-prop`."""
    return [
        {
            "name": prop.name,
            "description": prop.text,
            "value": value if prop.raw else prop.shown(value),
        }
        for prop, value in found
    ]


def pool_allocation(given: dict[str, str], sizes: Plain) -> str:
    """What `dmg pool create` says before it asks, from 2.0 on.

    + sizes: the fields of the request
    """
    if "totalbytes" in sizes:
        total, ratio = bytes_text(sizes["totalbytes"]), given.get("tier-ratio", "6,94")
        how = f"automatic storage allocation: {total} total, {ratio} tier ratio"
    else:
        scm, nvme = sizes["tierbytes"]
        share = f"{100 * scm / nvme if nvme else 100:.2f}%"
        how = "manual per-engine storage allocation: "
        how += f"{bytes_text(scm)} SCM, {bytes_text(nvme)} NVMe ({share} ratio)"
    return f"Creating DAOS pool with {how}\n"


def json_pool_create(pool: Plain, version: str) -> Plain:
    """The response of `dmg -j pool create`; keys as of `pool_create`."""
    if not old(version):
        return pool
    scm, nvme = pool["tier_bytes"]
    head = {key: pool[key] for key in ("uuid", "svc_reps", "tgt_ranks")}
    return {**head, "scm_bytes": scm, "nvme_bytes": nvme}


def pool_create(pool: Plain, version: str, size: int = 0) -> str:
    """`dmg pool create`; keys uuid, svc_reps, tgt_ranks, tier_bytes (per rank).

    + size: what was asked for, in bytes; 0 where each tier's size was given
    """
    if old(version):
        return _old_pool_create(pool, size)
    ranks = pool["tgt_ranks"]
    totals = [size * len(ranks) for size in pool["tier_bytes"]]
    whole = sum(totals) or 1
    shares = ",".join(f"{100 * total / whole:.2f}%" for total in totals)
    head = f"Pool created with {shares} storage tier ratio"
    rows = [
        ("UUID", pool["uuid"]),
        ("Service Ranks", ranges.folded(pool["svc_reps"])),
        ("Storage Ranks", ranges.folded(ranks)),
        ("Total Size", bytes_text(sum(totals))),
    ]
    for number, total in enumerate(totals):
        name = f"Storage tier {number} ({('SCM', 'NVMe')[min(number, 1)]})"
        rows.append((name, f"{bytes_text(total)} ({bytes_text(total // len(ranks))} / rank)"))
    return _entity(head, rows)


def _old_pool_create(pool: Plain, size: int) -> str:
    scm, nvme = pool["tier_bytes"]
    count = len(pool["tgt_ranks"])
    ratio = 100 * scm / nvme if nvme else 100.0
    how = f"automatic storage allocation: {bytes_text(size)} NVMe + {ratio:.2f}% SCM"
    if not size:
        how = "manual per-server storage allocation: "
        how += f"{bytes_text(scm)} SCM, {bytes_text(nvme)} NVMe ({ratio:.2f}% ratio)"
    rows = [
        ("UUID", pool["uuid"]),
        ("Service Ranks", ranges.folded(pool["svc_reps"])),
        ("Storage Ranks", ranges.folded(pool["tgt_ranks"])),
        ("Total Size", bytes_text((scm + nvme) * count)),
        ("SCM", f"{bytes_text(scm * count)} ({bytes_text(scm)} / rank)"),
        ("NVMe", f"{bytes_text(nvme * count)} ({bytes_text(nvme)} / rank)"),
    ]
    head = f"Pool created with {ratio:.2f}% SCM/NVMe ratio"
    return f"Creating DAOS pool with {how}\n{_entity(head, rows)}"


def _entity(head: str, rows: list[tuple[str, str]]) -> str:
    """Names and values under a title."""
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}: {value}" for name, value in rows]
    return "\n".join([head, "-" * len(head), *lines, ""]) + "\n"


def failed_ranks(results: list[Plain]) -> str:
    """The sentence for ranks on which an action failed, "" where there are none."""
    failed = [result["rank"] for result in results if result["errored"]]
    return f"check results for failed ranks {ranges.folded(failed, brackets=False)}" * bool(failed)


def _state(member: Plain) -> str:
    return STATES.get(member["state"], member["state"].capitalize())


def _grouped(head: list[str], groups: dict[tuple[str, ...], list[int]]) -> str:
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return table(head, [[ranges.folded(ranks), *key] for key, ranks in ordered]) + "\n"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Columns padded to the widest cell, each followed by a space."""
    lines = [head, ["-" * len(title) for title in head], *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "".join(
        "".join(f"{cell:<{width}} " for cell, width in zip(line, widths, strict=True)) + "\n"
        for line in lines
    )


def bytes_text(count: int) -> str:
    """A size as go-humanize writes it: decimal units, two or three digits."""
    if count < 10:
        return f"{count} B"
    units = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
    power = 0
    while count >= 1000 ** (power + 1) and power < len(units) - 1:
        power += 1
    value = int(count / 1000**power * 10 + 0.5) / 10
    return f"{value:.0f} {units[power]}" if value >= 10 else f"{value:.1f} {units[power]}"
