"""The daemons of DAOS on a simulated node: daos_agent, and daos_server with its engines."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from testbed.sim.common import release
from testbed.sim.model import Member

if TYPE_CHECKING:
    from .node import Node, Process

_AGENT_UID, _SERVER_UID = 998, 999
_LISTENS = 0.3  # seconds until daos_server listens
_OPENED = 0.5  # seconds that an engine takes to open its storage
_AGAIN = 0.3, 5.0  # seconds between two tries to join, at first and at most


class Daemon:
    """A daemon of a node, as its unit knows it.

    + package: the package that it is of
    + ready_at_once: whether systemd takes it for started as soon as there is a process
    + pid: 0 where it does not run
    + build: what it was started from
    """

    program: str
    package: str
    uid: int
    ready_at_once = False

    def __init__(self, node: Node) -> None:
        self._node = node
        self.pid = 0
        self.build = ""

    def begins(self, pid: int) -> None:
        """There is a process."""
        self.pid, self.build = pid, self._node.build
        self._node.record(self.program, "start", pid, version=self._node.version)

    def takes_to_end(self) -> float:
        """How many seconds it needs to end once it is told to."""
        return 0.0

    def ends(self, in_order: bool) -> None:
        """The process is gone."""
        if self.pid and in_order:
            self._node.record(self.program, "stop", self.pid, version=self.version)
        self.pid = 0

    def vanishes(self) -> None:
        """The node is off."""
        self.pid = 0

    @property
    def version(self) -> str:
        """The release that runs."""
        return self.build.partition("-")[0]

    def processes(self) -> list[Process]:
        """What a look at the node sees of it."""
        from .node import Process

        if not self.pid:
            return []
        return [Process(self.pid, self.program, self.uid, self.build)]


class Agent(Daemon):
    """daos_agent."""

    program, package, uid = "daos_agent", "daos-client", _AGENT_UID


class Engine:
    """An engine of a server, and its storage.

    + pid: 0 where it does not run
    + rank: what its superblock says; None where it has never joined
    + highest: the highest release that has run on its storage
    + formatted: whether its storage has a superblock
    + joined: whether this process of it is in the system
    """

    def __init__(self, node: Node, index: int) -> None:
        self._node = node
        self.index = index
        self.uuid = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{node.name} engine {index}"))
        self.pid = 0
        self.rank: int | None = None
        self.highest = ""
        self.incarnation = 0
        self.formatted = True
        self.opened = self.prepared = self.joined = False
        self.version = ""
        self.build = ""

    @property
    def host(self) -> Node:
        """Its node."""
        return self._node

    @property
    def server(self) -> Server:
        """Its daos_server."""
        return self._node.server

    @property
    def delay(self) -> float:
        """How many seconds it needs to end once it is told to."""
        return float(self._node.faults().get("stop_delay", 0)) if self.pid else 0.0

    def begins(self) -> None:
        """There is a process; what it finds on its storage decides whether it stays."""
        if self.pid or not self.formatted:
            return
        node = self._node
        self.pid, self.build = next(node.pids), node.build
        self.version = node.version
        self.opened = self.prepared = self.joined = False
        details = {"version": self.version, "index": self.index, "rank": self.rank}
        node.record("daos_engine", "start", self.pid, **details)
        if self.highest and release.numbers(self.version) < release.numbers(self.highest):
            reason = f"it was used by engine {self.highest}, this one is {self.version}"
            node.record("daos_engine", "abort", self.pid, reason=reason, rank=self.rank)
            self.pid = 0
            return
        self.highest = self.version
        if not node.faults().get("engine_never_ready"):
            node.cluster.clock.later(_OPENED, self._opens, self.pid)

    def wiped(self) -> None:
        """Its storage is wiped; it does not run."""
        self.formatted, self.rank, self.highest = False, None, ""
        held: dict[str, dict[str, Any]] = {"containers": {}, "witness": {}, "objects": {}}
        pid = self._node.server.pid
        self._node.record("daos_server", "storage-formatted", pid, index=self.index, **held)

    def goes_on(self) -> None:
        """What kept it from its storage is gone."""
        if self.pid and not self.opened:
            self._node.cluster.clock.later(_OPENED, self._opens, self.pid)

    def _opens(self, pid: int) -> None:
        if pid != self.pid or self.opened:
            return
        self.opened = True
        self.incarnation = int(self._node.cluster.clock.now * 1e6) + pid
        self.tries_to_join(pid)

    def tries_to_join(self, pid: int, pause: float = _AGAIN[0]) -> None:
        """Join, again and again: a refusal may end when other engines stop."""
        if pid != self.pid or self.joined:
            return
        rank = self._node.cluster.management.join(self.member(), self.rank)
        if rank is None:
            clock = self._node.cluster.clock
            clock.later(pause, self.tries_to_join, pid, min(2 * pause, _AGAIN[1]))
            return
        self.rank, self.joined = rank, True
        self._node.record("daos_engine", "ready", pid, rank=rank, version=self.version)
        self._node.cluster.management.serves(self)
        after = self._node.faults().get("engine_dies_after")
        if after is not None:
            self._node.cluster.clock.later(float(after), self.dies, pid)

    def member(self) -> Member:
        """It, as it asks the management service to be let in."""
        node = self._node
        return Member(
            rank=-1,
            uuid=self.uuid,
            addr=f"{node.address}:10001",
            fabric_uri=f"ofi+sockets://{node.address}:{31416 + 100 * self.index}",
            fault_domain=f"/{node.name}",
            incarnation=self.incarnation,
            version=self.version,
            targets=node.cluster.targets,
        )

    def prepares(self) -> str:
        """It prepares for a stop. Returns why it does not, "" where it does."""
        if self._node.faults().get("prep_fails"):
            return "DER_TIMEDOUT(-1011): prep shutdown timed out"
        if not self.opened or not self.pid:
            return "DAOS I/O Engine instance not started or not responding on dRPC"
        self.prepared = True
        self._node.record("daos_engine", "prepared", self.pid, rank=self.rank)
        return ""

    def ends(self) -> None:
        """It ends as it is told to."""
        if self.pid:
            details = {"rank": self.rank, "prepared": self.prepared}
            self._node.record("daos_engine", "stop", self.pid, **details)
            self._vanishes()

    def dies(self, pid: int = 0) -> None:
        """It is killed."""
        if self.pid and pid in (0, self.pid):
            self._node.record("daos_server", "engine-killed", rank=self.rank, signal=9)
            self._vanishes()

    def missed(self) -> None:
        """Its node gives no answer any more: the others miss it, though it runs."""
        if self.joined:
            self._node.cluster.management.vanished(self)

    def vanishes(self) -> None:
        """The node is off."""
        if self.pid:
            self._vanishes()

    def _vanishes(self) -> None:
        self.pid = 0
        self.opened = self.joined = False
        if self.rank is not None:
            self._node.cluster.management.vanished(self)


class Server(Daemon):
    """daos_server, and the engines that it runs."""

    program, package, uid = "daos_server", "daos-server", _SERVER_UID
    ready_at_once = True

    def __init__(self, node: Node, engines: int) -> None:
        super().__init__(node)
        self.engines = [Engine(node, index) for index in range(engines)]
        self.listens = False

    def begins(self, pid: int) -> None:
        super().begins(pid)
        self._node.cluster.clock.later(_LISTENS, self._is_there, pid)

    @property
    def has_formatted(self) -> bool:
        """Whether the storage of its first engine is formatted: else it knows of no system."""
        return all(engine.formatted for engine in self.engines[:1])

    def begins_again(self) -> None:
        """It begins anew, in the same process, once the system is erased."""
        self.listens = False
        super().begins(self.pid)
        self._node.cluster.clock.later(_LISTENS, self._is_there, self.pid)

    def _is_there(self, pid: int) -> None:
        """It listens, and starts its engines then, unless they run already."""
        if pid == self.pid:
            self.listens = True
            self._node.cluster.management.changed()
            for engine in self.engines:
                engine.begins()

    def takes_to_end(self) -> float:
        return max((engine.delay for engine in self.engines), default=0.0)

    def ends(self, in_order: bool) -> None:
        for engine in self.engines:
            engine.ends()  # its server is gone, and it ends of itself
        self.listens = False
        super().ends(in_order)
        self._node.cluster.management.changed()

    def vanishes(self) -> None:
        super().vanishes()
        self.listens = False
        for engine in self.engines:
            engine.vanishes()

    def processes(self) -> list[Process]:
        from .node import Process

        return super().processes() + [
            Process(engine.pid, "daos_engine", self.uid, engine.build, self.pid)
            for engine in self.engines
            if engine.pid
        ]
