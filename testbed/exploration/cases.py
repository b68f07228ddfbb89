"""One case: a cluster, what is typed on it, and what goes wrong meanwhile. As plain data."""

import json
from dataclasses import dataclass, replace
from typing import Any, Self

from testbed.sim.common import release
from testbed.simulation import build
from testbed.simulation.cluster import Cluster
from testbed.simulation.faults import Planted
from testbed.simulation.node import Node

ROLES = ("servers", "admins", "clients")
UPDATE, BACK = "deploy.py", "deploys/rollback.py"


@dataclass(frozen=True)
class Host:
    """A node of a case; what it says is as of `simulation.node.Node`.

    + enabled: whether what runs there starts at boot
    """

    name: str
    roles: tuple[str, ...]
    flavour: str = "el8"
    engines: int = 1
    version: str = "2.0.1"
    offset: float = 0.0
    enabled: bool = True


@dataclass(frozen=True)
class Case:
    """A case.

    + hosts: the nodes
    + target: the release that every node shall have
    + typed: the procedure that is typed first, second, and so on; the last one again and again
    + faults: what goes wrong in which of these runs
    + pause: seconds between the end of a run and the next one
    + words: what is typed after each procedure, besides what every case needs
    """

    hosts: tuple[Host, ...]
    target: str = "2.0.3"
    typed: tuple[str, ...] = (UPDATE,)
    faults: tuple[Planted, ...] = ()
    pause: float = 60.0
    words: tuple[str, ...] = ()

    def cluster(self) -> Cluster:
        """The cluster, before anything is typed."""
        nodes = (
            Node(it.name, it.roles, it.version, it.flavour, it.engines, it.offset)
            for it in self.hosts
        )
        disabled = [it.name for it in self.hosts if not it.enabled]
        return build.cluster(nodes, disabled=disabled, releases=self._releases())

    def _releases(self) -> list[str]:
        """What the repositories hold: the series of the target, and those of the nodes."""
        series = {release.series(it) for it in (self.target, *(it.version for it in self.hosts))}
        return [version for it in sorted(series) for version in build.SERIES.get(it, ())]

    def procedure(self, run: int) -> str:
        """What is typed in a run, from 0."""
        return self.typed[min(run, len(self.typed) - 1)]

    def text(self) -> str:
        """The case on one line, to be replayed by."""
        return json.dumps(_without_defaults(self), separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `text`. Raises ValueError."""
        try:
            data = json.loads(text)
            hosts = tuple(Host(**{**it, "roles": tuple(it["roles"])}) for it in data.pop("hosts"))
            faults = tuple(Planted(**it) for it in data.pop("faults", ()))
            typed, words = tuple(data.pop("typed", (UPDATE,))), tuple(data.pop("words", ()))
            return cls(hosts, typed=typed, faults=faults, words=words, **data)
        except (LookupError, TypeError, ValueError) as problem:
            raise ValueError(f"this is no case: {problem!r}") from problem

    def with_faults(self, *faults: Planted) -> Self:
        """The same with these faults."""
        return replace(self, faults=faults)


def _without_defaults(of: Any) -> Any:
    """A dataclass as plain data, without what is as usual."""
    defaults = {name: it.default for name, it in of.__dataclass_fields__.items()}
    found = {}
    for name, value in vars(of).items():
        if value == defaults[name]:
            continue
        found[name] = (
            [_without_defaults(it) if name in ("hosts", "faults") else it for it in value]
            if isinstance(value, tuple)
            else value
        )
    return found


def simple(servers: int = 2, admins: int = 1, clients: int = 1) -> tuple[Host, ...]:
    """Servers, admin nodes and clients, each with one role."""
    counts = (servers, admins, clients)
    return tuple(
        Host(f"daos-{role[:-1]}-{number:02}", (role,))
        for role, count in zip(ROLES, counts, strict=True)
        for number in range(1, count + 1)
    )
