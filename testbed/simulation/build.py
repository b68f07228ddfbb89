"""Making simulated clusters: formatted, started and healthy, before anybody types anything."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from .cluster import POOLS, Cluster
from .node import AGENT, SERVER, Node
from .packages import repositories_of

RELEASES = ("2.0.0", "2.0.1", "2.0.2", "2.0.3")
SERIES = {
    "2.0": RELEASES,
    "2.4": ("2.4.0", "2.4.1", "2.4.2"),
    "2.6": ("2.6.3", "2.6.4", "2.6.5"),
}
_SETTLES = 10.0  # seconds until all of it serves


def cluster(
    nodes: Iterable[Node],
    targets: int = 8,
    pools: Mapping[str, str] = MappingProxyType(POOLS),
    ranks: Mapping[str, Sequence[int]] = MappingProxyType({}),
    disabled: Iterable[str] = (),
    releases: Iterable[str] = RELEASES,
) -> Cluster:
    """A cluster that serves, with its pools.

    + pools: the UUID of each pool, by its label
    + ranks: those of a server's engines, by its name; where none are given, as they come
    + disabled: the nodes on which nothing starts at boot, though it runs
    + releases: what the repositories hold
    """
    made = Cluster(nodes, targets)
    for name, known in ranks.items():
        for engine, rank in zip(made.nodes[name].server.engines, known, strict=True):
            engine.rank = rank
    for node in made.nodes.values():
        made.publish(node.flavour.name, repositories_of(node, releases))
        for name, build in ((it, node.build) for it in node.packages):
            version = build.partition("-")[0]
            node.record("rpm", "installed", package=name, version=version, build=build)
        node.record("systemd", "boot")
        _enable(node, SERVER, "servers")
    made.clock.pass_by(_SETTLES)
    for label, uuid in pools.items():
        made.management.create_pool(label, uuid, 8_000_000_000)
    for node in made.nodes.values():
        _enable(node, AGENT, "clients")
    for name in disabled:
        _disable(made.nodes[name])
    made.clock.pass_by(_SETTLES)
    return made


def _enable(node: Node, name: str, role: str) -> None:
    if role in node.roles:
        unit = node.units[name]
        unit.enabled = True
        node.record("systemd", "unit-enabled", unit=name, runs=name.removesuffix(".service"))
        unit.start()


def _disable(node: Node) -> None:
    for name in [name for name, unit in node.units.items() if unit.enabled]:
        node.units[name].enabled = False
        node.record("systemd", "unit-disabled", unit=name, runs=name.removesuffix(".service"))


def simple(servers: int = 2, admins: int = 1, clients: int = 1) -> Cluster:
    """Servers, admin nodes and clients, each with one role."""
    counts = {"servers": servers, "admins": admins, "clients": clients}
    return cluster(
        Node(f"daos-{role[:-1]}-{number:02}", [role])
        for role, count in counts.items()
        for number in range(1, count + 1)
    )
