"""A simulated cluster: its nodes, its DAOS system, its repositories, its time and its history."""

from collections.abc import Iterable, Mapping
from typing import Any

from testbed.lab import provision
from testbed.sim.common import release as releases

from .clock import Clock
from .management import Management
from .node import Node

POOLS = {"tank": "8a1327ee-0db4-4f4a-aefc-bcba47ab4787"}


class Cluster:
    """All of it, as plain data: it can be handed from one process to the next.

    + nodes: the nodes by name
    + management: the management service of the DAOS system, with the model of that
    + repositories: what each series of DAOS has for each flavour, the builds of each package
    + events: what happened, for the referee
    + asked: when the programs of which node have asked for which fault
    """

    def __init__(self, nodes: Iterable[Node], targets: int = 8) -> None:
        self.clock = Clock()
        self.events: list[dict[str, Any]] = []
        self.asked: list[tuple[float, str, str]] = []
        self.nodes: dict[str, Node] = {}
        self.targets = targets
        self.repositories: dict[str, dict[str, list[str]]] = {}
        for number, node in enumerate(nodes, 1):
            node.enters(self, number)
            self.nodes[node.name] = node
        servers = [node for node in self.nodes.values() if "servers" in node.roles]
        points = servers[:3] if len(servers) >= 3 else servers[:1]
        self.management = Management(self, [node.name for node in points])
        self._configure()

    def _configure(self) -> None:
        """Give each node the configuration that a lab's node of its roles has."""
        servers = [node.name for node in self.servers]
        texts: dict[frozenset[str], dict[str, str]] = {}
        for node in self.nodes.values():
            if node.roles not in texts:
                texts[node.roles] = provision.config_files(node.roles, servers, node.version)
            node.configure(texts[node.roles])

    @property
    def servers(self) -> list[Node]:
        """The servers."""
        return [node for node in self.nodes.values() if "servers" in node.roles]

    def publish(self, flavour: str, builds: Mapping[str, Iterable[str]]) -> None:
        """Have a repository hold builds of packages, "2.0.3-1.el8", beside those it has."""
        held = self.repositories.setdefault(flavour, {})
        for name, evrs in builds.items():
            known = held.setdefault(name, [])
            known += [evr for evr in evrs if evr not in known]

    def record(self, host: str, program: str, event: str, pid: int = 0, /, **details: Any) -> None:
        """Something happened, as a program of a node tells the referee."""
        now = self.clock.at()
        self.events.append(
            {
                "time": f"{now:%Y-%m-%dT%H:%M:%S.%f}Z",
                "host": host,
                "program": program,
                "pid": pid,
                "event": event,
                "details": details,
            }
        )

    def note(self, event: str, **details: Any) -> None:
        """Something that an observer outside of the nodes tells the referee."""
        self.record("lab", "lab", event, **details)


def newest(evrs: Iterable[str]) -> str:
    """The highest of these builds."""
    return max(evrs, key=_order)


def _order(evr: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    version, _, build = evr.partition("-")
    digits = tuple(int(part) for part in build.split(".") if part.isdigit())
    return releases.numbers(version), digits
