"""What ran, was installed and was connected at a moment, as the events up to it show."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from testbed.referee.history import AGENT, FORMATTED, SERVER, Event

Version = tuple[int, ...]


def version_of(text: str) -> Version:
    """A version as numbers, so that versions compare."""
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def major(text: str) -> int:
    """The first number of a version, 0 where it has none: engines of 2.x read no storage of 1.x."""
    return next(iter(version_of(text)), 0)


@dataclass
class Engine:
    """A process of daos_engine.

    + index: its place on the node, and so that of its storage
    + served: whether it has joined the system
    + released: whether a system stop reached its rank since
    """

    version: str
    rank: int | None
    index: int = 0
    served: bool = False
    released: bool = False


@dataclass
class Node:
    """A node.

    + up: whether it has power and does not shut down
    + packages: of each DAOS package the versions that are installed, two within a transaction, and
      how many builds of each
    + builds: how often each build of a package is installed
    + enabled: the DAOS units that start when it boots
    + agents: the version of each daos_agent that runs, by pid
    + of_its_unit: the pid of the one that its unit has started last, 0 where that is not known
    + server: the version of daos_server that runs, "" where none does
    + engines: by pid
    + ranks: all that ever ran on it
    + layouts: by engine's index, the major version of the engine that wrote the storage there
    + booting: the units that its boot starts and that have not begun to start
    + by_boot: the units whose last start was by a boot
    + silent: whether it gives no answer to anybody, as one that hangs
    """

    name: str
    up: bool = True
    packages: dict[str, Counter[str]] = field(default_factory=dict)
    builds: Counter[tuple[str, str]] = field(default_factory=Counter)
    enabled: set[str] = field(default_factory=set)
    agents: dict[int, str] = field(default_factory=dict)
    of_its_unit: int = 0
    server: str = ""
    engines: dict[int, Engine] = field(default_factory=dict)
    ranks: set[int] = field(default_factory=set)
    layouts: dict[int, int] = field(default_factory=dict)
    booting: set[str] = field(default_factory=set)
    by_boot: set[str] = field(default_factory=set)
    silent: bool = False

    @property
    def versions(self) -> frozenset[str]:
        """Of all DAOS packages on it."""
        return frozenset(version for found in self.packages.values() for version in found)

    @property
    def is_server(self) -> bool:
        return bool(self.packages.get("daos-server"))

    @property
    def running(self) -> list[str]:
        """The DAOS programs that run on it."""
        found = {"daos_agent": self.agents, "daos_server": self.server, "daos_engine": self.engines}
        return [program for program, there in found.items() if there]

    def serving(self) -> list[Engine]:
        """The engines that have joined."""
        return [engine for engine in self.engines.values() if engine.served]


class Cluster:
    """The nodes, and what the management service knows.

    + ranks: the state of each rank, as the management service last told it
    + degraded: pool to the ranks that are disabled in it
    + connections: the host that holds each open handle of a pool
    """

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.ranks: dict[int, str] = {}
        self.degraded: dict[str, set[int]] = {}
        self.connections: dict[str, str] = {}
        self._apply: dict[str, Callable[[Event, Node], object]] = {
            "systemd boot": self._boot,
            "systemd shutdown": self._shutdown,
            "systemd unit-starting": self._starting,
            "systemd unit-stopped": self._ended,
            "systemd unit-failed": self._ended,
            "systemd unit-enabled": lambda event, node: node.enabled.add(event.unit),
            "systemd unit-disabled": lambda event, node: node.enabled.discard(event.unit),
            "systemd unit-masked": lambda event, node: node.enabled.discard(event.unit),
            "rpm installed": self._installed,
            "rpm removed": self._removed,
            "daos_agent start": self._agent_started,
            "daos_agent stop": lambda event, node: node.agents.pop(event.pid, None),
            "daos_server start": lambda event, node: setattr(node, "server", event.version),
            "daos_server stop": lambda event, node: setattr(node, "server", ""),
            "daos_server engine-killed": self._engine_killed,
            "daos_server member": self._member,
            "daos_server pool-degraded": self._pool_degraded,
            "daos_server pool-reintegrated": self._pool_reintegrated,
            "daos_server pool-connected": self._connected,
            "daos_server pool-disconnected": lambda event, _: self._drop([event.details["handle"]]),
            "daos_server pool-evicted": lambda event, _: self._drop(event.details["handles"]),
            "daos_server system-erased": self._erased,
            FORMATTED: self._formatted,
            "daos_engine start": self._engine_started,
            "daos_engine ready": self._engine_ready,
            "daos_engine stop": lambda event, node: node.engines.pop(event.pid, None),
            "daos_engine abort": lambda event, node: node.engines.pop(event.pid, None),
        }

    def node(self, name: str) -> Node:
        """The node of that name, known from now on."""
        if name not in self.nodes:
            self.nodes[name] = Node(name)
        return self.nodes[name]

    def apply(self, event: Event) -> None:
        """Take over what an event tells."""
        if event.kind == "lab power-lost":
            self._shutdown(event, self.node(str(event.details["node"])))
        elif event.kind in ("lab silent", "lab answers"):
            self.node(str(event.details["node"])).silent = event.kind == "lab silent"
        elif event.kind in self._apply and event.host != "lab":
            if event.kind.startswith("systemd unit-") and not event.unit:
                return
            self._apply[event.kind](event, self.node(event.host))

    # Looking at it

    def up(self) -> list[Node]:
        """The nodes that have power."""
        return [node for node in self.nodes.values() if node.up]

    def servers(self) -> list[Node]:
        """The nodes with daos-server, also those that are off."""
        return [node for node in self.nodes.values() if node.is_server]

    def server_versions(self) -> set[str]:
        """The versions of daos-server on all servers."""
        return {version for node in self.servers() for version in node.packages["daos-server"]}

    def joined(self) -> frozenset[int]:
        """The ranks that serve, as the management service last told it."""
        return frozenset(rank for rank, state in self.ranks.items() if state == "joined")

    def engines(self) -> list[Engine]:
        """All engines that run."""
        return [engine for node in self.up() for engine in node.engines.values()]

    # Nodes

    def _boot(self, _event: Event, node: Node) -> None:
        self._gone(node)
        node.up = True
        node.booting, node.by_boot = set(node.enabled), set()

    def _shutdown(self, _event: Event, node: Node) -> None:
        self._gone(node)
        node.up = False

    def _gone(self, node: Node) -> None:
        """The node has no processes any more."""
        node.agents, node.server, node.engines = {}, "", {}
        self._drop(handle for handle, host in self.connections.items() if host == node.name)

    def _starting(self, event: Event, node: Node) -> None:
        by_boot = event.unit in node.booting
        node.booting.discard(event.unit)
        (node.by_boot.add if by_boot else node.by_boot.discard)(event.unit)
        if event.unit == AGENT:
            node.of_its_unit = 0  # the next agent is

    def _agent_started(self, event: Event, node: Node) -> None:
        node.agents[event.pid] = event.version
        node.of_its_unit = node.of_its_unit or event.pid

    def _ended(self, event: Event, node: Node) -> None:
        if event.unit == AGENT:
            node.agents.pop(node.of_its_unit, None)  # one that somebody else has started goes on
        elif event.unit == SERVER:
            node.server, node.engines = "", {}

    def _installed(self, event: Event, node: Node) -> None:
        if event.package:
            node.packages.setdefault(event.package, Counter())[event.version] += 1
            node.builds[event.package, event.build] += 1

    def _removed(self, event: Event, node: Node) -> None:
        if event.package:
            installed = node.packages.setdefault(event.package, Counter())
            installed[event.version] -= 1
            node.packages[event.package] = +installed
            node.builds[event.package, event.build] -= 1

    # Engines

    def _engine_started(self, event: Event, node: Node) -> None:
        details = event.details
        engine = Engine(event.version, details.get("rank"), int(details.get("index", 0)))
        node.engines[event.pid] = engine

    def _engine_ready(self, event: Event, node: Node) -> None:
        engine = node.engines.get(event.pid)
        if engine:
            engine.rank, engine.served = int(event.details["rank"]), True
            node.ranks.add(engine.rank)
            node.layouts[engine.index] = major(engine.version)

    def _engine_killed(self, event: Event, node: Node) -> None:
        rank = event.details.get("rank")
        node.engines = {pid: e for pid, e in node.engines.items() if e.rank != rank}

    # The management service

    def _member(self, event: Event, _node: Node) -> None:
        rank, state = int(event.details["rank"]), str(event.details["state"])
        self.ranks[rank] = state
        if state == "stopping":
            for engine in self.engines():
                engine.released |= engine.rank == rank

    def _pool_degraded(self, event: Event, _node: Node) -> None:
        self.degraded[str(event.details["pool"])] = set(event.details["ranks"])

    def _pool_reintegrated(self, event: Event, _node: Node) -> None:
        ranks = self.degraded.get(str(event.details.get("pool")), set())
        ranks.discard(event.details.get("rank", -1))

    def _connected(self, event: Event, _node: Node) -> None:
        self.connections[str(event.details["handle"])] = str(event.details["host"])

    def _formatted(self, event: Event, node: Node) -> None:
        node.layouts.pop(event.details["index"], None)
        if not self.engines():  # nothing of the system is left: a new one begins
            self._erased(event, node)

    def _erased(self, _event: Event, _node: Node) -> None:
        self.ranks, self.degraded, self.connections = {}, {}, {}

    def _drop(self, handles: Iterable[str]) -> None:
        for handle in list(handles):
            self.connections.pop(str(handle), None)
