"""The management service of which the captures under tests/data tell, and dmg run against it."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from testbed.sim.common import release
from testbed.sim.dmg import asking, dmg
from testbed.sim.model import Member, Pool, Refused, System

RANKS = {"joined": 4, "stopped": 2, "uneven": 3}
POOLS = [("tank", 0x1064), ("scratch", 0x1065)]


class Message(SimpleNamespace):
    """Plain fields under the names that a protobuf message of the release has."""

    @property
    def DESCRIPTOR(self) -> Any:
        return SimpleNamespace(fields=[SimpleNamespace(name=name) for name in vars(self)])


def member(rank: int, system: str) -> Message:
    uneven = system == "uneven"
    state = ("excluded", "joined", "joined")[rank] if uneven else system
    updated = f"2022-01-01T00:00:00{UNEVEN[rank] if uneven else ''}Z"
    return member_on(rank + 1, rank, state, "ofi+sockets", 31416, updated)


def member_on(
    server: int, rank: int, state: str, provider: str, port: int, updated: str
) -> Message:
    """A rank on one of the servers, from 1, whose engine listens on a port."""
    return Message(
        addr=f"10.0.0.{server}:10001",
        uuid=f"00000000-0000-0000-0000-{0x1000 + rank:012x}",
        rank=rank,
        incarnation=7,
        state=state,
        fabric_uri=f"{provider}://10.0.0.{server}:{port}",
        fabric_contexts=17,
        info="system stop" if state == "stopped" else "",
        fault_domain=f"/daos-server-{server:02d}",
        last_update=updated,
    )


UNEVEN = (".120000", ".000000", ".123456")  # fractions of seconds of the last updates


def rank_result(rank: int, action: str, state: str) -> Message:
    addr = f"10.0.0.{rank + 1}:10001"
    return Message(rank=rank, action=action, errored=False, msg="", state=state, addr=addr)


def pool_uuid(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012x}"


SCM = {
    "total": 8589934592,
    "free": 6442450944,
    "min": 268435456,
    "max": 1073741824,
    "mean": 536870912,
}
NVME = {
    "total": 858993459200,
    "free": 644245094400,
    "min": 17179869184,
    "max": 34359738368,
    "mean": 17179869184,
}


class Rebuild(Message):
    State = SimpleNamespace(Name=lambda number: ("IDLE", "DONE", "BUSY")[number])


def pool_answer(uuid: str) -> Message:
    rebuild = Rebuild(status=0, state=0, objects=0, records=0)
    return Message(
        status=0,
        uuid=uuid,
        total_targets=32,
        active_targets=32,
        disabled_targets=0,
        rebuild=rebuild,
        tier_stats=[Message(**SCM, media_type=0), Message(**NVME, media_type=1)],
        scm=Message(**SCM),
        nvme=Message(**NVME),
        total_nodes=4,
        version=1,
        leader=0,
    )


MOUNTS = [
    {"path": f"/mnt/daos{n}", "total_bytes": 2**34, "avail_bytes": 3 * 2**32} for n in range(2)
]


class Service:
    """The management service in the state that the README of the captures describes."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._members = [member(rank, state) for rank in range(RANKS[state])]
        self._system = System(
            members={m.rank: _engine(m) for m in self._members},
            pools={
                pool_uuid(number): Pool(pool_uuid(number), label, [0, 0], [0, 1, 2], [0, 1, 2])
                for label, number in (POOLS if state in ("joined", "uneven") else [])
            },
        )

    def call(self, method: str, fields: dict[str, Any]) -> Any:
        """The answer to a call. Raises Refused."""
        ranks, absent, hosts = self._system.select(fields.get("ranks", ""), fields.get("hosts", ""))
        none = {"absentranks": absent, "absenthosts": hosts}
        if method == "SystemQuery":
            return SimpleNamespace(members=[self._members[rank] for rank in ranks], **none)
        if method in ("SystemStop", "SystemStart"):
            action, state = ("stop", "stopped") if method == "SystemStop" else ("start", "ready")
            results = [rank_result(rank, action, state) for rank in ranks]
            return SimpleNamespace(results=results, **none)
        if method == "LeaderQuery":
            leader = "10.0.0.1:10001"
            return SimpleNamespace(currentLeader=leader, replicas=[leader])
        if method == "ListPools":
            pools = self._system.pools.values()
            return SimpleNamespace(pools=[_listed(pool) for pool in pools])
        return self._of_pool(method, fields)

    def _of_pool(self, method: str, fields: dict[str, Any]) -> Any:
        pool = self._system.pool(fields.get("id") or fields["uuid"])
        if self._state == "uneven" and pool.label == "scratch":
            raise Refused("DAOS I/O Engine instance not started or not responding on dRPC")
        if method == "PoolQuery":
            return pool_answer(pool.uuid)
        values = self._system.pool_properties(pool.uuid)
        asked = [prop["number"] for prop in fields.get("properties", [])]
        props = [SimpleNamespace(number=n, strval=values[n], numval=values[n]) for n in asked]
        return SimpleNamespace(status=0, properties=props)


def _engine(of: Message) -> Member:
    known = {name: value for name, value in vars(of).items() if name != "fabric_contexts"}
    return Member(**known, version="2.0.3", targets=8)


def _listed(pool: Pool) -> Message:
    return Message(uuid=pool.uuid, label=pool.label, svc_reps=pool.svc_reps)


def scanned(state: str, hosts: list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What servers say of their storage; where the system is down, and on port 1, nobody does."""
    silent = [host for host in hosts if state == "down" or host.endswith(":1")]
    return (
        {host: MOUNTS for host in hosts if host not in silent},
        {host: asking.refused_by(host) for host in silent},
    )


def run(
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    state: str,
    argv: list[str],
    service: Callable[[str], Any] | None = None,
) -> tuple[int, str]:
    """Run the program against that state; its exit code and both outputs together.

    + service: makes the management service in a state
    """
    made = service or Service

    def call(self: asking.Dmg, method: str, what: str, empty: Any = None, **fields: Any) -> Any:
        if state == "down":
            message = "unable to contact the DAOS Management Service"
            raise self.unreachable(what, message, "127.0.0.2:20001", empty)
        try:
            return made(state).call(method, fields)
        except Refused as refusal:
            raise self.refused(what, str(refusal), "FailedPrecondition", empty) from refusal

    def hosts(self: asking.Dmg) -> list[str]:
        every = [f"127.0.0.{n}:20001" for n in ((2,) if state == "down" else range(2, 6))]
        return self.given["host-list"].split(",") if "host-list" in self.given else every

    fakes = {
        "call": call,
        "ctl": lambda self, what, op, **_: call(self, op, what),
        "hosts": hosts,
        "serving": lambda _: state != "down",
        "scanned": lambda self: scanned(state, hosts(self)),
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(asking.Dmg, name, fake)
    monkeypatch.setattr(release, "installed", lambda: version)
    monkeypatch.setenv("HOME", "/root")
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = dmg.main(argv)
        sys.stdout.flush()
    return code, output.getvalue()
