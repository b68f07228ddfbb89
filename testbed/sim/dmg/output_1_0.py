"""What dmg of release 1.0 prints: text out of plain dictionaries with the keys of `output`.

Pure. Source: src/control/cmd/dmg and src/control/lib/hostlist of v1.0.1.
"""

import json
import re
import time
from collections.abc import Iterable

from ..common import ranges
from .output import TIER, Plain, bytes_text, table

Groups = dict[str, list[str]]  # what was found, and the hosts of which it is true

_STATES = {
    "joined": "Started",
    "ready": "Started",
    "starting": "Started",
    "stopping": "Stopping",
    "stopped": "Stopped",
    "excluded": "Evicted",
    "adminexcluded": "Evicted",
    "errored": "Errored",
    "unresponsive": "Unresponsive",
}
# How hostlist takes a name apart: with a dash in it, without one, and an address.
_DASHED = re.compile(r"(\w+-?)(\d+)?(.*)", re.ASCII)
_PLAIN = re.compile(r"([a-zA-Z]+)(\d+)?(.*)")
_ADDRESS = re.compile(r"(\d{1,3}\.\d{1,3}\.\d{1,3}\.)(\d{1,3})(.*)")


class Unprintable(Exception):
    """A result that dmg cannot put into a table."""


def log_line(level: str, message: str) -> str:
    """What -j makes of a message; nothing in the message changes."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = json.dumps(
        {"level": level, "time": stamp, "message": message},
        separators=(",", ":"),
        ensure_ascii=False,
    )
    for character in "<>&":
        line = line.replace(character, f"\\u{ord(character):04x}")
    return f"{line}\n"


def ended(message: str) -> str:
    """A message as the logger writes it: with an end of line, if it has none."""
    return message if message.endswith("\n") else f"{message}\n"


# Hosts


def folded_hosts(hosts: Iterable[str]) -> str:
    """["node-1:10001", "node-2:10001"] as node-[1-2]:10001, as far as a name has such a number.

    Only a number that follows the first dash counts, or the first letters where there is no dash.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for host in set(hosts):
        prefix, number, suffix = _parts(host)
        groups.setdefault((prefix, suffix), []).append(number)
    return ",".join(
        f"{prefix}{_folded_numbers(numbers)}{suffix}"
        for (prefix, suffix), numbers in sorted(groups.items())
    )


def _parts(host: str) -> tuple[str, str, str]:
    found = (_DASHED if "-" in host else _PLAIN).match(host) or _ADDRESS.match(host)
    if not found or not found[2]:
        return host, "", ""
    return found[1], found[2], found[3]


def _folded_numbers(numbers: list[str]) -> str:
    runs: list[list[str]] = []
    for number in sorted(numbers, key=lambda text: (int(text or 0), text)):
        if runs and number and int(number) == int(runs[-1][1]) + 1 and _continues(runs[-1], number):
            runs[-1][1] = number
        else:
            runs.append([number, number])
    text = ",".join(first if first == last else f"{first}-{last}" for first, last in runs)
    return f"[{text}]" if len(numbers) > 1 else text


def _continues(run: list[str], number: str) -> bool:
    """Whether a number is written as those before it, with zeros in front or without."""
    return len(number) == len(run[1]) or not (number.startswith("0") or run[1].startswith("0"))


def host_groups(groups: Groups) -> str:
    """A line for each group, "hosts: what", the hosts aligned at their right."""
    folded = {what: folded_hosts(hosts) for what, hosts in groups.items()}
    width = max(map(len, folded.values()), default=0)
    return "".join(f"{folded[what]:>{width}}: {what}\n" for what in sorted(folded))


def storage_format(groups: Groups) -> str:
    """`dmg storage format`: the hosts have no ports here."""
    return f"\n{host_groups(groups)}\n" if groups else ""


# The system


def _state(member: Plain) -> str:
    return _STATES.get(str(member["state"]).lower(), "Unknown")


def system_query(members: list[Plain], verbose: bool, single: bool = False) -> str:
    """`dmg system query`; `single` where it was asked for one rank."""
    if not members:
        return "No members in system"
    if single:
        return _single(members[0])
    if not verbose:
        groups: dict[str, list[int]] = {}
        for member in members:
            groups.setdefault(_state(member), []).append(member["rank"])
        return _by_ranks(["Rank", "State"], groups)
    rows = [[str(m["rank"]), m["uuid"], m["addr"], _state(m)] for m in members]
    return table(["Rank", "UUID", "Control Address", "State"], rows)


def _single(member: Plain) -> str:
    title = f"Rank {member['rank']}"
    rows = [
        ("address", member["addr"]),
        ("uuid", member["uuid"]),
        ("status", _state(member)),
        ("reason", "unknown"),
    ]
    first = max(len(name) for name, _ in rows) + 1
    second = max(first, *(len(f": {value}") for _, value in rows))
    lines = [f"{name:<{first}}{f': {value}':<{second}}" for name, value in rows]
    return "\n".join([title, "-" * len(title), *lines]) + "\n"


def rank_results(results: list[Plain]) -> str:
    """`dmg system stop` and `start`. Raises Unprintable, as a result may not have a slash in it."""
    groups: dict[str, list[int]] = {}
    for result in results:
        outcome = result["msg"] if result["errored"] else "OK"
        groups.setdefault(f"{result['action']}/{outcome}", []).append(result["rank"])
    if any(what.count("/") != 1 for what in groups):
        raise Unprintable("printing result table: unexpected summary format")
    return _by_ranks(["Rank", "Operation", "Result"], groups)


def _by_ranks(head: list[str], groups: dict[str, list[int]]) -> str:
    """A table of groups in the order of what is true of them, which slashes part into columns."""
    rows = [[ranges.folded(groups[what]), *what.split("/")] for what in sorted(groups)]
    return table(head, rows)


# Pools


def replicas_text(svc_reps: list[int]) -> str:
    """[1, 2, 3] as 1,2,3: nothing is folded."""
    return ",".join(map(str, svc_reps))


def pool_list(pools: list[Plain]) -> str:
    """`dmg pool list` and `dmg system list-pools`; a pool has `uuid` and `svc_reps`."""
    if not pools:
        return "No pools in system\n"
    rows = [[pool["uuid"], replicas_text(pool["svc_reps"]) or "None"] for pool in pools]
    return table(["Pool UUID", "Svc Replicas"], rows)


def pool_query(pool: Plain, exact: bool = False) -> str:
    """`dmg pool query`, and `daos pool query`, which tells bytes exactly."""
    lines = [
        f"Pool {pool['uuid']}, ntarget={pool['total_targets']}, "
        f"disabled={pool['disabled_targets']}",
        "Pool space info:",
        f"- Target(VOS) count:{pool['active_targets']}",
    ]
    for tier in pool["tier_stats"]:
        sizes = {key: str(tier[key]) if exact else bytes_text(tier[key]) for key in TIER}
        lines += _tier(tier["media_type"], sizes)
    return "\n".join([*lines, _rebuild(pool["rebuild"])]) + "\n"


def _tier(media: str, sizes: Plain) -> list[str]:
    return [
        f"- {'SCM' if media == 'scm' else 'NVMe'}:",
        f"  Total size: {sizes['total']}",
        f"  Free: {sizes['free']}, min:{sizes['min']}, max:{sizes['max']}, mean:{sizes['mean']}",
    ]


def _rebuild(rebuild: Plain) -> str:
    if rebuild["status"]:
        return f"Rebuild failed, rc=0, status={rebuild['status']}"
    return f"Rebuild {rebuild['state']}, {rebuild['objects']} objs, {rebuild['records']} recs"


def pool_created(uuid: str, svc_reps: list[int]) -> str:
    """`dmg pool create`, where it succeeded."""
    where = f"UUID: {uuid}, Service replicas: {replicas_text(svc_reps)}"
    return f"Pool-create command SUCCEEDED: {where}\n"
