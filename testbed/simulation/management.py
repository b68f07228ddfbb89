"""The management service of a simulated cluster: the model of DAOS, with a leader or without one.

What it decides is the model's, and what its leader does with servers is as in
testbed/sim/server/service.py; here nothing waits: what takes time is told when it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from testbed.sim.common import release
from testbed.sim.common.errors import NO_ENGINE
from testbed.sim.model import PREPARABLE, RUNNING, Handle, Member, Refused, System
from testbed.sim.server.engines import START_TIMEOUT
from testbed.sim.server.results import SILENT, apply_start, apply_stop, rank_result

if TYPE_CHECKING:
    from .cluster import Cluster
    from .daemons import Engine
    from .node import Application, Node

_ELECTED = 0.2, 2.0  # seconds without a leader: where none was heard yet, and after one was lost
_NOTICED = 1.5, 4.0  # seconds until an engine is missed: one that is gone, one whose node is
_ASKED = 0.2  # seconds that all servers take to do what they are told
_SILENCE = 120.0  # seconds after which a server that gives no answer is given up
Results = list[dict[str, Any]]


class Management:
    """The management service, as its leader has it.

    + system: the model
    + points: the servers that hold a replica
    + leader: which of them leads; "" where none does
    + done: the results of what dmg has begun, by its number; None where no leader could note them
    """

    def __init__(self, cluster: Cluster, points: list[str]) -> None:
        self._cluster = cluster
        self.system = System()
        self.points = points
        self.leader = ""
        self.done: dict[int, Results | None] = {}
        self._count = 0
        self._election = 0
        self._led_before = False
        self._missed: list[tuple[int, int]] = []
        self._engines: dict[int, Engine] = {}

    # Who leads

    @property
    def listening(self) -> list[Node]:
        """The servers with a replica that anybody reaches: others do not know who leads."""
        return [self._cluster.nodes[it] for it in self.points if self._takes_part(it)]

    @property
    def unformatted(self) -> bool:
        """Whether a server with a replica answers that waits for its storage to be formatted."""
        nodes = [self._cluster.nodes[name] for name in self.points]
        return any(it.answers and it.server.listens and not it.server.has_formatted for it in nodes)

    def changed(self) -> None:
        """A server has come or gone: the leader may have lost its majority, or one be found."""
        able = [name for name in self.points if self._takes_part(name)]
        if 2 * len(able) <= len(self.points):
            able = []
        if self.leader and self.leader not in able:
            self.leader = ""
        if able and not self.leader:
            self._election += 1
            pause = _ELECTED[self._led_before]
            self._cluster.clock.later(pause, self._elect, self._election)

    def loses_its_leader(self) -> None:
        """The leader steps down; another one is found, or it again."""
        self.leader = ""
        self.changed()

    def _elect(self, election: int) -> None:
        able = [name for name in self.points if self._takes_part(name)]
        if election != self._election or self.leader or 2 * len(able) <= len(self.points):
            return
        self.leader, self._led_before = able[0], True
        self._cluster.record(self.leader, "daos_server", "leader", term=election)
        for rank, incarnation in self._missed:
            self._misses(rank, incarnation)

    def _takes_part(self, name: str) -> bool:
        node = self._cluster.nodes.get(name)
        return bool(node and node.answers and node.server.listens and node.server.has_formatted)

    def _change(self, transition: Callable[[System], Any]) -> Any:
        """Apply a transition of the model, and tell what happened. Raises Refused."""
        try:
            return transition(self.system)
        finally:
            for event, details in self.system.events:
                self._cluster.record(self.leader or "lab", "daos_server", event, **details)
            self.system.events.clear()

    def _now(self) -> str:
        return f"{self._cluster.clock.at():%Y-%m-%dT%H:%M:%S.%f}Z"

    # Engines

    def join(self, engine: Member, wanted: int | None) -> int | None:
        """Let an engine in; None where it has to ask again."""
        if not self.leader:
            return None
        self._change(lambda system: system.restarted(engine.uuid, engine.incarnation, self._now()))
        try:
            return int(self._change(lambda system: system.join(engine, wanted, self._now())))
        except Refused:
            return None

    def serves(self, engine: Engine) -> None:
        """An engine has its rank."""
        assert engine.rank is not None
        self._engines[engine.rank] = engine

    def vanished(self, engine: Engine) -> None:
        """An engine is gone, whoever has ended it: it is missed after a while."""
        assert engine.rank is not None
        member = self.system.members.get(engine.rank)
        if member:
            pause = _NOTICED[not engine.host.answers]
            clock = self._cluster.clock
            clock.later(pause, self._misses, engine.rank, member.incarnation)

    def _misses(self, rank: int, incarnation: int) -> None:
        engine = self._engines.get(rank)
        if engine and engine.pid and engine.host.answers:
            return  # it has been started again, which is known of it once it joins
        missed = (rank, incarnation)
        if not self.leader:
            self._missed = [*(it for it in self._missed if it != missed), missed]
            return
        self._missed = [it for it in self._missed if it != missed]
        self._change(lambda system: system.lost(rank, incarnation, self._now()))

    # What dmg has begun: `done` has its results once it is over

    def stop(self, force: bool = False) -> int:
        """Begin to stop all ranks in two phases; the number of that."""
        self._count += 1
        self._cluster.clock.later(_ASKED, self._prepares, self._count, force)
        return self._count

    @property
    def _stop_kills(self) -> bool:
        """As of `release.stop_kills`: that of the leader, which dmg has told what it is told."""
        return release.stop_kills(self._cluster.nodes[self.leader].version)

    def _without_leader(self, number: int) -> bool:
        """Whether nobody leads by now: what was done is done, and what is known stays as it was."""
        if not self.leader:
            self.done[number] = None
        return not self.leader

    def _prepares(self, number: int, force: bool) -> None:
        if self._without_leader(number):
            return
        members = self.system.members.values()
        running = [member for member in members if member.state in RUNNING]
        if not (force or self._stop_kills):
            prepared = self._asked(
                "prepare", [m for m in running if m.state in PREPARABLE], lambda it: it.prepares()
            )
            if any(result["errored"] for result in prepared):
                self._over(number, "system-stop", prepared, force=force)
                return
        ranks = [member.rank for member in running]
        self._change(lambda system: system.stopping(ranks, self._now()))
        delays = [self._engines[r].delay for r in ranks if r in self._engines]
        silent = any(not self._server_of(m).answers for m in running)
        pause = _SILENCE if silent else max([_ASKED, *delays])
        self._cluster.clock.later(pause, self._stops, number, ranks, force)

    def _stops(self, number: int, ranks: list[int], force: bool) -> None:
        members = self.system.members
        idle = [m for m in members.values() if m.state == "stopped"]
        lost = [m for m in members.values() if m.rank not in ranks and m not in idle]
        results = [rank_result(m.rank, "stop", "", m.addr) for m in idle]

        def stop(engine: Engine) -> str:
            engine.ends()
            return ""

        kills = bool(self.leader) and self._stop_kills
        stopped = self._asked("stop", [*(members[r] for r in ranks), *lost], stop)
        if self._without_leader(number):
            return
        by_force = force and not kills
        self._change(lambda system: apply_stop(system, stopped, force or kills, self._now()))
        self._over(number, "system-stop", stopped, idle=results, force=by_force)

    def start(self) -> int:
        """Begin to start all ranks; the number of that."""
        self._count += 1
        for engine in self._engines.values():
            if engine.server.pid and engine.host.answers:
                engine.begins()
        self._cluster.clock.later(1.0, self._started, self._count, self._cluster.clock.now)
        return self._count

    def restart_left(self) -> list[int]:
        """Stop and start, by their ranks, the engines that are excluded or did not join; which.

        It is done where their servers run.
        """
        members = [it for it in self.system.members.values() if it.state in ("excluded", "ready")]
        found = [it for it in members if self._engines[it.rank].server.pid]
        for member in found:
            self._restart(member.rank, in_order=member.state == "ready")
        return [member.rank for member in found]

    def _restart(self, rank: int, in_order: bool) -> None:
        engine = self._engines[rank]
        if in_order:
            self._change(lambda system: system.stopping([rank], self._now()))
        engine.ends()
        if in_order:
            self._change(lambda system: system.stopped(rank, True, self._now()))
        engine.begins()

    def _started(self, number: int, began: float) -> None:
        def opened(engine: Engine) -> str:
            return "" if engine.opened else "engine did not start"

        if self._without_leader(number):
            return
        members = list(self.system.members.values())
        results = self._asked("start", members, opened)
        waits = any(it["errored"] and self._engines[it["rank"]].pid for it in results)
        if waits and self._cluster.clock.now < began + START_TIMEOUT:
            self._cluster.clock.later(5.0, self._started, number, began)
            return
        self._change(lambda system: apply_start(system, results, self._now()))
        self._over(number, "system-start", results)

    def erase(self) -> None:
        """Forget the system, and wipe the storage of all its engines. Raises Refused."""
        members, replicas = list(self.system.members.values()), self.listening
        self._change(lambda system: system.erase())
        for node in {member.host: self._server_of(member) for member in members}.values():
            for engine in node.server.engines:
                engine.wiped()
        self._engines, self._missed, self._led_before = {}, [], False
        for node in replicas:
            node.server.begins_again()
        self.changed()

    def _over(
        self,
        number: int,
        event: str,
        results: Results,
        idle: Sequence[dict[str, Any]] = (),
        **details: Any,
    ) -> None:
        results = sorted(results, key=lambda result: int(result["rank"]))
        failed = [result["rank"] for result in results if result["errored"]]
        told = {"ok": not failed, "ranks": [it["rank"] for it in results], "failed": failed}
        self._cluster.record(self.leader or "lab", "daos_server", event, **told, **details)
        self.done[number] = sorted([*idle, *results], key=lambda result: int(result["rank"]))

    def _asked(
        self, action: str, members: Iterable[Member], do: Callable[[Engine], str]
    ) -> Results:
        """What the servers of these members say of it."""
        results = []
        for member in members:
            server = self._server_of(member)
            if not (server.answers and server.server.listens):
                silent = {"msg": "the server does not answer", "state": SILENT}
                results.append(rank_result(member.rank, action, "", member.addr) | silent)
                continue
            problem = do(self._engines[member.rank])
            results.append(rank_result(member.rank, action, problem, member.addr))
        return results

    def _server_of(self, member: Member) -> Node:
        return self._cluster.nodes[member.host]

    # Pools

    def create_pool(self, label: str, uuid: str, size: int) -> None:
        """Make a pool over all ranks, with one container."""
        self._change(lambda system: system.create_pool(uuid, label, size, []))
        home = f"{uuid[:-4]}c0de"
        self._change(lambda system: system.create_container(uuid, home, "home", "POSIX"))

    def query_pool(self, name: str) -> dict[str, Any]:
        """What `dmg pool query` shows, through an engine of the leader's. Raises Refused.

        As of `Service.asking_pools` of the lab.
        """
        engines = self._cluster.nodes[self.leader].server.engines if self.leader else []
        if not any(it.pid and it.joined for it in engines):
            raise Refused(NO_ENGINE)
        return self.system.query_pool(name)

    def destroy_pool(self, name: str) -> None:
        """Its owner has it destroyed. Raises Refused."""
        _, handles = self._change(lambda system: system.destroy_pool(name, True))
        self._close(handles)

    def reintegrate(self, pool: str, rank: int) -> None:
        """Bring an excluded rank that joined again back into a pool. Raises Refused."""
        self._change(lambda system: system.reintegrate(pool, rank))

    def connected(self, node: Node, pool: str) -> Application:
        """A program of a node has opened a pool. Raises Refused where nothing serves it."""
        from .node import Application

        self._count += 1
        made = Application(next(node.pids), "simulation", f"handle-{self._count}")
        handle = Handle(made.handle, pool, node.name, made.pid)
        self._change(lambda system: system.connect(handle))
        node.applications.append(made)
        return made

    def visited(self, node: Node, pool: str) -> None:
        """A program of a node has opened a pool for a moment. Raises Refused."""
        self._count += 1
        handle = Handle(f"handle-{self._count}", pool, node.name, next(node.pids))
        self._change(lambda system: system.connect(handle))
        self.disconnected(handle.uuid)

    def disconnected(self, handle: str) -> None:
        """A program has closed its pool, or is gone."""
        self._change(lambda system: system.disconnect(handle))

    def evict(self, pool: str) -> None:
        """Disconnect all that have a pool open. Raises Refused."""
        self._close(self._change(lambda system: system.evict(pool)))

    def _close(self, handles: Iterable[str]) -> None:
        """Whose pool is gone ends with an error."""
        gone = set(handles)
        for node in self._cluster.nodes.values():
            node.applications = [it for it in node.applications if it.handle not in gone]
