"""The management service: the model, kept by the replicas, and what reaches beyond it.

The leader applies a transition to a copy of the model, has a majority of the replicas store the
outcome, and only then acts on it and records its events.
"""

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from ..common import events, release
from ..common.errors import DER_NONEXIST, NO_ENGINE
from ..model import PREPARABLE, RUNNING, Handle, Member, Refused, System
from ..protocol import rpc
from .replica import NotLeader, Replica
from .results import SILENT, apply_start, apply_stop, rank_result

T = TypeVar("T")
_FAN_OUT = 120.0  # seconds for a server to prepare, stop or start its engines
_UNINITIALIZED = "system is uninitialized (storage format required?)"
_NOTICE = 1.0  # seconds for a server to hear of an eviction


class Service:
    """The management service as one server sees it; `replica` is None on those that hold none."""

    def __init__(
        self,
        name: str,
        replica: Replica | None,
        replicas: Callable[[], dict[str, str]],
        initialized: Callable[[], bool],
        engines_serve: Callable[[], bool],
    ) -> None:
        self._name = name
        self._replica = replica
        self._replicas = replicas  # of the access points' names, their "IP:port"
        self._initialized = initialized  # had this replica storage to keep the state on?
        self._engines_serve = engines_serve
        self._changing = threading.Lock()
        self._administering = threading.Lock()

    # Reading and changing

    def system(self) -> System:
        """The system, on any replica that knows it. Raises rpc.Failure."""
        replica = self._here()
        if not replica.current():
            raise self._unavailable()
        return System.from_dict(replica.state)

    def lead(self) -> System:
        """The system, on the leader only. Raises rpc.Failure, with a hint who that is."""
        replica = self._here()
        if not replica.leading():
            raise self._not_leader(replica.leader)
        return System.from_dict(replica.state)

    def asking_pools(self) -> System:
        """The same, where an engine of the leader's own server passes on what pools are asked.

        After a loss of power the ranks are joined in what is remembered before they have come back.
        Source: CallDrpc in src/control/server/harness.go of v2.0.3. Raises rpc.Failure.
        """
        system = self.lead()
        if not self._engines_serve():
            raise refused(Refused(NO_ENGINE))
        return system

    def change(self, transition: Callable[[System], T]) -> T:
        """Apply a transition of the model, for good. Raises rpc.Failure."""
        with self._changing:
            system = self.lead()
            before = json.dumps(system.to_dict())
            system.name = self._name
            try:
                result = transition(system)
            except Refused as refusal:
                raise refused(refusal) from refusal
            after = system.to_dict()
            if json.dumps(after) != before:
                self._store(after, system)
            # Before the next one may change anything: events stand in the order of what happened.
            _record(system)
        return result

    def _store(self, state: dict[str, Any], system: System) -> None:
        """Have the outcome stored. Raises rpc.Failure.

        A leader that loses its office over it does not know whether the next one has it. Where that
        one has, it has happened, and nobody else records it; whoever asked is not kept waiting.
        """
        try:
            self._here().propose(state)
        except NotLeader as error:
            late = (self._here(), error.change, system)
            threading.Thread(target=_record_late, args=late, daemon=True).start()
            raise self._not_leader(error.leader) from error

    def _here(self) -> Replica:
        if self._replica is None:
            text = "this server is not a replica of the management service"
            raise rpc.Failure(text, rpc.NOT_REPLICA, self._where())
        if not self._initialized():
            self._refuse_uninitialized()
        return self._replica

    def _refuse_uninitialized(self) -> None:
        """Since 2.0 a replica says what it waits for; of 1.x dmg waits for one that is ready."""
        if release.layout(release.installed()) == 1:
            raise self._unavailable()
        raise rpc.Failure(_UNINITIALIZED, rpc.UNINITIALIZED, code="Unknown")

    def _not_leader(self, leader: str) -> rpc.Failure:
        hint = self._replicas().get(leader, "")
        if not hint:
            return self._unavailable()
        text = "this server is not the leader of the management service"
        return rpc.Failure(text, rpc.NOT_LEADER, {"LeaderHint": hint, **self._where()})

    def _unavailable(self) -> rpc.Failure:
        return rpc.Failure("the management service has no leader", rpc.UNAVAILABLE, self._where())

    def _where(self) -> dict[str, str]:
        return {"Replicas": json.dumps(list(self._replicas().values()))}

    def leader_and_replicas(self) -> tuple[str, list[str]]:
        """Addresses of the leader and of all replicas. Raises rpc.Failure."""
        replica = self._here()
        if not replica.current():
            raise self._unavailable()
        replicas = self._replicas()
        return replicas[replica.leader], list(replicas.values())

    # Engines

    def join(self, engine: Member, wanted_rank: int | None) -> int:
        """Let an engine in; returns its rank."""
        self.change(lambda system: system.restarted(engine.uuid, engine.incarnation, _now()))
        return self.change(lambda system: system.join(engine, wanted_rank, _now()))

    def lost(self, rank: int, incarnation: int) -> None:
        """An engine vanished."""
        try:
            self.change(lambda system: system.lost(rank, incarnation, _now()))
        except rpc.Failure:
            return  # no longer the leader: the next one sees it, too

    def stop(self, ranks: Iterable[int], force: bool) -> list[dict[str, Any]]:
        """Stop ranks in two phases; where preparing one fails, none is stopped.

        As in 2.0.3 all servers are asked, also those whose engines are lost: such a rank is stopped
        then. One that gives no answer is no failure, but its ranks are unresponsive from then on.
        From 2.6.3 on dmg always asks for what was a stop by force before.
        """
        with self._administering:
            members = self.lead().members
            running = [members[r] for r in ranks if members[r].state in RUNNING]
            idle = [members[r] for r in ranks if members[r].state == "stopped"]
            lost = [members[r] for r in ranks if members[r] not in running + idle]
            results = [rank_result(m.rank, "stop", "", m.addr) for m in idle]
            by_force = force and not release.stop_kills(release.installed())
            if not force:
                prepared = _on_servers("prepare", [m for m in running if m.state in PREPARABLE])
                if any(result["errored"] for result in prepared):
                    self._record_administration("system-stop", prepared, force=force)
                    return prepared
            self.change(lambda system: system.stopping([m.rank for m in running], _now()))
            stopped = _on_servers("stop", running + lost, force)
            self.change(lambda system: apply_stop(system, stopped, force, _now()))
            self._record_administration("system-stop", stopped, force=by_force)
            return sorted(results + stopped, key=lambda result: int(result["rank"]))

    def start(self, ranks: Iterable[int]) -> list[dict[str, Any]]:
        """Start the engines of ranks; they join by themselves."""
        with self._administering:
            members = self.lead().members
            results = _on_servers("start", [members[rank] for rank in ranks])
            self.change(lambda system: apply_start(system, results, _now()))
            self._record_administration("system-start", results)
            return results

    def erase(self) -> list[dict[str, Any]]:
        """Remove the superblocks of all servers and forget the system.

        Every replica throws its state away and starts again, as one that waits for a format. The
        state itself is not changed before: a replica whose superblock is gone agrees to nothing.
        Source: SystemErase in src/control/server/mgmt_system.go of v2.0.3.
        """
        with self._administering:
            system = self.lead()
            members, leader = list(system.members.values()), self._here().leader
            try:
                system.erase()
            except Refused as refusal:
                raise refused(refusal) from refusal
            for address in sorted({member.addr for member in members}):
                rpc.ctl(address, "erase", _FAN_OUT)
            _record(system)
            replicas = self._replicas()
            for name in sorted(replicas, key=lambda name: name == leader):
                rpc.ctl(replicas[name], "forget", _FAN_OUT)
            return [
                {**rank_result(m.rank, "stop", "", m.addr), "action": "reset format"}
                for m in members
            ]

    def _record_administration(
        self, event: str, results: list[dict[str, Any]], **details: Any
    ) -> None:
        failed = [result["rank"] for result in results if result["errored"]]
        ranks = [result["rank"] for result in results]
        events.record("daos_server", event, ok=not failed, ranks=ranks, failed=failed, **details)

    # Pools and connections

    def evict(self, pool: str, handles: Iterable[str]) -> None:
        """Disconnect a pool's handles, on every engine."""
        gone = self.change(lambda system: system.evict(pool, handles))
        self._tell_servers("evict", handles=gone)

    def _tell_servers(self, op: str, **arguments: Any) -> None:
        """Have all servers tell their engines."""
        waiting = [
            rpc.ctl_later(address, op, _NOTICE, **arguments)
            for address in sorted({m.addr for m in self.lead().members.values()})
        ]
        for wait in waiting:
            try:
                wait()
            except rpc.Failure:
                continue  # its engines are gone, or will be excluded

    def destroy_container(self, pool: str, container: str) -> None:
        """Remove a container, and what engines hold of it."""
        uuid = self.lead().pool(pool).uuid
        self.change(lambda system: system.destroy_container(uuid, container))
        self._tell_servers("drop", pool=uuid, container=container)

    def destroy_pool(self, name: str, force: bool) -> None:
        """Remove a pool, and what engines hold of it."""
        pool, handles = self.change(lambda system: system.destroy_pool(name, force))
        self._tell_servers("evict", handles=handles)
        self._tell_servers("drop", pool=pool.uuid, container="")

    def connect(
        self, pool: str, handle: str, host: str, pid: int, ranks: Sequence[int] = ()
    ) -> dict[str, Any]:
        """A process opens a pool; returns what it needs to find objects.

        `ranks`, where there are any, are those of which it believes that they serve the pool.
        """

        def transition(system: System) -> dict[str, Any]:
            if ranks and not set(ranks) & set(system.pool(pool).svc_reps):
                text = "DER_NONEXIST(-1005): none of these ranks serves the pool"
                raise Refused(text, DER_NONEXIST)
            system.connect(Handle(handle, pool, host, pid))
            return pool_map(system, pool)

        return self.change(transition)


def _record_late(replica: Replica, change: str, system: System) -> None:
    if replica.passed_on(change):
        _record(system)


def _record(system: System) -> None:
    for event, details in system.events:
        events.record("daos_server", event, **details)


def _now() -> str:
    return events.utc_now()


def refused(refusal: Refused) -> rpc.Failure:
    """The answer to a request that the model refuses."""
    return rpc.Failure(str(refusal), rpc.REFUSED, {"Status": str(refusal.status)})


def pool_map(system: System, name: str) -> dict[str, Any]:
    """A pool's ranks with their addresses, the ranks disabled in it, and its containers."""
    pool = system.pool(name)
    serving = system.joined()
    containers = pool.containers.values()
    return {
        "uuid": pool.uuid,
        "label": pool.label,
        "ranks": pool.ranks,
        "disabled": pool.disabled,
        "uris": {str(r): system.members[r].fabric_uri for r in pool.ranks if r in serving},
        "size": sum(pool.tier_bytes),
        "containers": [asdict(c) for c in containers],
    }


def attach_info(system: System) -> dict[str, Any]:
    """What an agent tells applications: the system and its serving ranks."""
    return {
        "system": system.name,
        "version": release.installed(),
        "ranks": [{"rank": r, "uri": system.members[r].fabric_uri} for r in system.joined()],
    }


def _on_servers(action: str, members: list[Member], force: bool = False) -> list[dict[str, Any]]:
    """Have the servers of these members act on their engines, all at once."""
    by_server: dict[str, list[int]] = {}
    for member in members:
        by_server.setdefault(member.addr, []).append(member.rank)
    waiting = {
        address: rpc.ctl_later(address, "ranks", _FAN_OUT, action=action, ranks=ranks, force=force)
        for address, ranks in by_server.items()
    }
    results: list[dict[str, Any]] = []
    for address, ranks in by_server.items():
        try:
            results += waiting[address]()["results"]
        except rpc.Failure as failure:
            results += [
                {**rank_result(rank, action, "", address), "msg": str(failure), "state": SILENT}
                for rank in ranks
            ]
    return sorted(results, key=lambda result: int(result["rank"]))
