"""What the JSON of dmg 2.2 and later has otherwise than that of 2.0. Pure.

The keys that it is made out of are those of 2.0's, see output.py.
Source: captures of 2.2.0, 2.4.2, 2.6.5 and 2.8.0 under tests/data; `Pool` and `PoolQueryResp` in
src/control/lib/control/pool.go of these.
"""

from typing import Any

from ..common.release import since

Plain = dict[str, Any]
_LAYOUTS = ("pool_layout_ver", "upgrade_layout_ver")
_COUNTS = ("total_targets", "active_targets", "total_engines", "disabled_targets", "version")
_HEALS = "exclude;rebuild"  # how a pool of 2.8 heals itself unless it is told otherwise


def version_answer(version: str) -> Plain:
    """The response of `dmg -j version` from 2.4 on."""
    return {"name": "DAOS Admin Tool", "version": version, "build_time": "0001-01-01T00:00:00Z"}


def system_query(rows: list[Plain], version: str) -> Plain:
    """The response of `dmg -j system query` from 2.6 on; `rows` as 2.0 has them."""
    members = [_member(row) for row in rows]
    providers = sorted({row["fabric_uri"].partition("://")[0] for row in rows})
    found: Plain = {"members": members or None, "providers": providers}
    return found | ({"sys_self_heal_policy": ""} if since(version, "2.8.0") else {})


def _member(row: Plain) -> Plain:
    found: Plain = {}
    for key, value in row.items():
        found[key] = value
        if key.startswith("fabric_"):
            name = "uris" if key == "fabric_uri" else "contexts"
            found[f"secondary_fabric_{name}"] = None
    return found


def leader_query(leader: str, replicas: list[str]) -> Plain:
    """The response of `dmg -j system leader-query` from 2.6 on."""
    return {"current_leader": leader, "replicas": replicas, "down_replicas": None}


def pool_list(rows: list[Plain], version: str) -> Plain:
    """The response of `dmg -j pool list`; `rows` as of `output.pool_row`."""
    if since(version, "2.4.0") and any(row["queried"] for row in rows):
        rows = sorted(rows, key=lambda row: str(row["label"]))
    listed = _listed if since(version, "2.6.0") else _listed_before_2_6
    return {"status": 0, "pools": [listed(row, version) for row in rows] or None}


def _listed_before_2_6(row: Plain, version: str) -> Plain:
    query = row["queried"] or {}
    leads = {"svc_ldr": query.get("leader", 0)} if since(version, "2.4.0") else {}
    return {
        "uuid": row["uuid"],
        "label": row["label"],
        **leads,
        "svc_reps": row["svc_reps"],
        "state": "Ready",
        "targets_total": row["targets_total"],
        "targets_disabled": row["targets_disabled"],
        **{key: query.get(key, 0) for key in reversed(_LAYOUTS)},
        "query_error_msg": row["query_error_msg"],
        "query_status_msg": row["query_status_msg"],
        "usage": row["usage"],
    }


def _listed(row: Plain, version: str) -> Plain:
    """Where it could not be queried, nothing tells of that."""
    mask = "disabled_engines,rebuild,space" if since(version, "2.8.0") else "rebuild,space"
    return _pool(row, row["queried"] or {}, mask if row["queried"] else "", version)


def _pool(pool: Plain, query: Plain, mask: str, version: str) -> Plain:
    """A pool from 2.6 on: as it is listed, and as it is queried.

    + pool: its uuid, label, svc_reps and usage
    + query: the answer to its query; empty where there is none
    """
    degraded = "TargetsExcluded" if since(version, "2.8.0") else "Degraded"
    new: Plain = {}
    if since(version, "2.8.0"):
        heals = _HEALS if query else ""
        new = {"mem_file_bytes": 0, "md_on_ssd_active": False, "self_heal_policy": heals}
    return {
        "query_mask": mask,
        "state": degraded if query.get("disabled_targets") else "Ready",
        "uuid": pool["uuid"],
        "label": pool["label"],
        **{key: query.get(key, 0) for key in _COUNTS},
        "svc_ldr": query.get("leader", 0),
        "svc_reps": pool["svc_reps"],
        "rebuild": _rebuild(query["rebuild"], version) if query else None,
        "tier_stats": query["tier_stats"] if query else None,
        **{key: query.get(key, 0) for key in _LAYOUTS},
        **new,
        **({"usage": pool["usage"]} if query else {}),
    }


def _rebuild(of: Plain, version: str) -> Plain:
    counts = {"objects": of["objects"], "records": of["records"], "total_objects": 0}
    state = {"status": of["status"], "state": of["state"]}
    if since(version, "2.8.0"):
        return {**state, "derived_state": of["state"], **counts, "degraded": False}
    return {**state, **counts}


def pool_query(query: Plain, usage: list[Plain] | None, version: str) -> Plain:
    """The response of `dmg -j pool query`.

    + query: the answer to it, with the keys of 2.0 and those of layouts, ranks and engines
    + usage: what a list says of its tiers
    """
    if since(version, "2.6.0"):
        late = "disabled_engines,rebuild,self_heal_policy,space"
        mask = late if since(version, "2.8.0") else "rebuild,space"
        return _pool(query | {"usage": usage}, query, mask, version)
    head = ("status", "uuid", *_COUNTS, "leader")
    return {
        "enabled_ranks": None,
        "disabled_ranks": None,
        **{key: query[key] for key in head},
        "rebuild": query["rebuild"],
        "tier_stats": query["tier_stats"],
        **{key: query[key] for key in _LAYOUTS},
    }


def no_pool(version: str) -> Plain | None:
    """The response of `dmg -j pool query` where the pool could not be queried."""
    if since(version, "2.6.0"):
        return None
    zeros = dict.fromkeys(("status", "uuid", *_COUNTS, "leader"), 0)
    nothing = dict.fromkeys(("rebuild", "tier_stats"))
    ranks = {"enabled_ranks": None, "disabled_ranks": None}
    return {**ranks, **zeros, "uuid": "", **nothing, **dict.fromkeys(_LAYOUTS, 0)}
