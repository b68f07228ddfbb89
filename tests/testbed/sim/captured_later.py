"""The management service of which the captures of 2.2 and later tell."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from testbed.sim.common.errors import NO_ENGINE
from testbed.sim.model import Refused

from .captured import NVME, SCM, Message, Rebuild, member_on, pool_uuid, rank_result

_LOST = ["excluded", "excluded", "joined", "errored", "unresponsive", "adminexcluded"]
_MIXED = ["joined", "joined", *_LOST]
_LAYOUTS = {"2.2.0": 1, "2.4.2": 2, "2.6.5": 3, "2.8.0": 4}
# How many targets are disabled, in which version of the pool map, and what a rebuild does.
_TANK = {"degraded": (8, 3, 1), "mixed": (16, 3, 1), "rebuild": (8, 2, 2)}
POOLS = {"tank": 0x1064, "scratch": 0x1065}
RANKS = range(8)


class Service:
    """A management service of a release, in the state that the README of the captures describes."""

    def __init__(self, release: str, state: str) -> None:
        self._release, self._state = release, state

    def call(self, method: str, fields: dict[str, Any]) -> Any:
        """The answer to a call. Raises Refused."""
        none = {"absentranks": "", "absenthosts": ""}
        if method == "SystemQuery":
            return SimpleNamespace(members=[self._member(rank) for rank in RANKS], **none)
        if method in ("SystemStop", "SystemStart"):
            action, state = ("stop", "stopped") if method == "SystemStop" else ("start", "ready")
            rows = [rank_result(rank, action, state) for rank in RANKS]
            for row in rows:
                row.addr = _address(row.rank)
            return SimpleNamespace(results=rows, **none)
        if method == "LeaderQuery":
            leader = "127.0.0.1:10001"
            return SimpleNamespace(currentLeader=leader, replicas=[leader])
        if method == "ListPools":
            return SimpleNamespace(pools=[self._listed(label) for label in POOLS])
        return self._queried(fields["id"])

    def _member(self, rank: int) -> Message:
        state = _MIXED[rank] if self._state == "mixed" else "joined"
        state = "stopped" if self._state == "stopped" else state
        updated, port = "2026-01-01T00:00:00Z", 31316 + rank % 2 * 1000
        return member_on(rank // 2 + 1, rank, state, "ofi+tcp;ofi_rxm", port, updated)

    def _listed(self, label: str) -> Message:
        return Message(uuid=pool_uuid(POOLS[label]), label=label, svc_reps=[0, 2, 4])

    def _queried(self, name: str) -> Message:
        label = next((it for it, n in POOLS.items() if name in (it, pool_uuid(n))), "")
        if not label:
            raise Refused(f'unable to find pool service with label "{name}"')
        if self._state == "stopped":
            raise Refused(NO_ENGINE)
        if self._state == "mixed" and label == "scratch":
            raise Refused("DER_IO(-2001): I/O error")
        disabled, version, rebuild = _TANK.get(self._state, (0, 1, 0))
        if label != "tank":
            disabled, version = 0, 1
            rebuild = int(self._state == "degraded")
        newest = _LAYOUTS[self._release]
        old = self._state == "oldlayout" and label == "scratch"
        nvme = {**NVME, "min": 26843545600, "max": 107374182400, "mean": 53687091200}
        return Message(
            status=0,
            uuid=pool_uuid(POOLS[label]),
            label=label,
            total_targets=64,
            active_targets=64 - disabled,
            disabled_targets=disabled,
            rebuild=Rebuild(status=0, state=rebuild, objects=0, records=0),
            tier_stats=[Message(**SCM, media_type=0), Message(**nvme, media_type=1)],
            total_nodes=8,
            total_engines=8,
            version=version,
            leader=0,
            svc_reps=[0, 2, 4],
            pool_layout_ver=max(newest - old, 1),
            upgrade_layout_ver=newest,
        )


def _address(rank: int) -> str:
    return f"10.0.0.{rank // 2 + 1}:10001"
