"""Reports of every kind, made of two that runs have written: what pages are looked at with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

REPORTS = Path(__file__).parents[2] / "data" / "reports"
UPDATED: dict[str, Any] = json.loads((REPORTS / "updated.json").read_text())
FAILED: dict[str, Any] = json.loads((REPORTS / "failed.json").read_text())

_COMMAND = "pyinfra inventory deploy.py -y --data ssh_config_file=.lab/ssh_config"
_TOLD: dict[str, Any] = {
    "system": "daos_server",
    "planned_window_s": 3600,
    "command": _COMMAND,
    "typed_by": {
        "user": "root",
        "login": "alice",
        "host": "daos-admin-01.site.example",
        "client": "192.0.2.7",
        "folder": "/root/daos-offline-update",
    },
    "ranks": [
        {"rank": rank, "host": f"daos-server-0{rank // 2 + 1}", "before": "joined", "after": None}
        for rank in range(8)
    ],
    "pools": [
        {
            "uuid": f"4a69000{number}-0000-0000-0000-000000000000",
            "label": label,
            "bytes": size,
            "before": {"targets": 32, "disabled": 0},
            "after": None,
            "containers": {"before": 3, "after": None},
        }
        for number, (label, size) in enumerate([("tank", 17_000_000_000), ("scratch", 4 * 10**14)])
    ],
    "disconnected": {},
    "earlier_runs": [],
    "next": [],
}
_AFTER = {
    "ranks": [{**rank, "after": "joined"} for rank in _TOLD["ranks"]],
    "pools": [
        {**pool, "after": pool["before"], "containers": {"before": 3, "after": 2}}
        for pool in _TOLD["pools"]
    ],
}
_UNTOUCHED = {
    name: {**host, "version_after": None, "rpmnew": []} for name, host in UPDATED["hosts"].items()
}


def updated() -> dict[str, Any]:
    """A run that went on from another one, for which users were disconnected."""
    users = ["dfuse mounted at /mnt/home (pid 4711, user bob, uid 1002, /usr/bin/dfuse)"]
    earlier = {
        "run": "2026-11-22T19-40-00Z",
        "started": "2026-11-22T19:40:00+00:00",
        "ended": "2026-11-22T19:45:00+00:00",
        "outcome": "failed",
        "summary": "Interrupted at the step 'Fetch'. No later step was taken on any node",
    }
    names = [name for name in UPDATED["hosts"] if "client" in name]
    disconnected = dict.fromkeys(names, users)
    hook = {
        "event": "closed",
        "command": "docs/hooks/chat-webhook",
        "start": "2026-11-22T20:45:00+00:00",
        "seconds": 20.1,
        "exit": 1,
        "output": ["the chat was not told: URLError (/etc/daos-update/webhook)"],
        "problem": "exit code 1",
    }
    more = {"disconnected": disconnected, "earlier_runs": [earlier], "hooks": [hook]}
    return {**UPDATED, **_TOLD, **_AFTER, **more}


def failed(nodes: int = 1) -> dict[str, Any]:
    """A run that failed in the window, on so many nodes alike."""
    [failure] = FAILED["failures"]
    names = [f"daos-server-{number:02}" for number in range(2, 2 + nodes)]
    failures = [{**failure, "hosts": [name]} for name in names]
    return {**FAILED, **_TOLD, "failures": failures, "next": FAILED["state"][-3:]}


def running() -> dict[str, Any]:
    """A run that is in the middle of its packages."""
    phases = UPDATED["phases"]
    number = next(n for n, it in enumerate(phases) if it["name"].startswith("Update the DAOS"))
    phase = phases[number]
    names = list(UPDATED["hosts"])
    seconds = {name: [0.0, None] for name in names}
    now = {**phase, "end": None, "hosts": None, "changed": None, "failed": [], "seconds": seconds}
    return {
        **UPDATED,
        **_TOLD,
        "outcome": "running",
        "ended": None,
        "summary": None,
        "offline_window_s": None,
        "offline_window": {"start": UPDATED["offline_window"]["start"], "end": None},
        "phases": [*phases[:number], now],
        "written": phase["end"],
        "running": {
            "step": phase["name"],
            "number": number + 1,
            "of": len(phases),
            "since": phase["start"],
            "done": names[:3],
            "left": names[3:],
        },
        "hosts": _UNTOUCHED,
    }


def refused() -> dict[str, Any]:
    """A run that found a good deal in its way."""
    clients = [f"c{number:03}" for number in range(316)]
    use = (
        "DAOS is used 632 times on 316 nodes: 600 processes of alice on c[000-299] (solver, Slurm "
        "job 77), 32 processes of bob on c[300-315] (python3): end the jobs and unmount, or set "
        "evict_connections = True in group_data/all.py"
    )
    space = (
        "there are only 100 MiB on /usr free, and packages need 512 MiB: make room (old packages "
        "in /var/cache?), or lower free_space_mib in group_data/all.py"
    )
    return {
        **UPDATED,
        **_TOLD,
        "outcome": "refused",
        "summary": "Refused: this run stopped nothing",
        "offline_window_s": None,
        "offline_window": None,
        "phases": [],
        "hosts": _UNTOUCHED,
        "refusals": [
            {"code": "in-use", "hosts": clients, "message": use},
            *({"code": "no-space", "hosts": [name], "message": space} for name in clients[:30]),
        ],
    }


def of_384() -> dict[str, Any]:
    """An update of 16 servers and 368 clients."""
    servers = [f"daos-server-{number:02}" for number in range(1, 17)]
    clients = [f"cn-{number:04}" for number in range(1, 369)]
    kinds = dict.fromkeys(servers, "daos-server-01") | dict.fromkeys(clients, "daos-client-01")
    phases = [_spread(phase, kinds) for phase in UPDATED["phases"]]
    hosts = {name: UPDATED["hosts"][kind] for name, kind in kinds.items()}
    return {**UPDATED, **_TOLD, **_AFTER, "hosts": hosts, "phases": phases}


def _spread(phase: dict[str, Any], kinds: dict[str, str]) -> dict[str, Any]:
    """A phase in which each node does what the node of its kind did, some of them later."""
    seconds = {}
    for number, (name, kind) in enumerate(kinds.items()):
        if kind in phase["seconds"]:
            begin, end = phase["seconds"][kind]
            seconds[name] = [begin, round(end + (number * 7919 % 101) / 101 * (end - begin), 3)]
    names = {key: [n for n, kind in kinds.items() if kind in phase[key]] for key in _NODES}
    return {**phase, **names, "seconds": seconds}


_NODES = ("hosts", "changed", "failed")

ALL = {
    "updated": updated,
    "failed": failed,
    "running": running,
    "refused": refused,
    "384": of_384,
    "failed-30": lambda: failed(30),
}
