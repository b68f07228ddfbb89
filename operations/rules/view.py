"""The whole cluster as it was seen at one moment."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from ..daos.node import SERVER, Node
from ..daos.units import USUAL, Units
from ..daos.window_file import Record
from .findings import grouped

ROLES = ("servers", "admins", "clients")


def names_of(groups: Mapping[str, Iterable[str]], *roles: str) -> list[str]:
    """The nodes of these roles, or of all, each once and in their order."""
    return list(dict.fromkeys(name for role in roles or ROLES for name in groups[role]))


@dataclass(frozen=True)
class View:
    """What every node of the system has of DAOS at one moment.

    + groups: role to the names of its nodes, in the order of the inventory
    + nodes: node name to what it has; None for one that gave no answer
    + said: the name of each node that gave none to what it said instead, "" for nothing
    """

    groups: dict[str, tuple[str, ...]]
    nodes: dict[str, Node | None] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    def roles(self, name: str) -> list[str]:
        """The roles of one node."""
        return self._roles.get(name, [])

    @cached_property
    def _roles(self) -> dict[str, list[str]]:
        """Node name to its roles: every host asks in every step, and there may be thousands."""
        return grouped((role, name) for role in ROLES for name in self.groups[role])

    def node(self, name: str) -> Node:
        """One node that gave an answer. Raises NoAnswer for one that gave none."""
        node = self.nodes[name]
        if node is None:
            raise NoAnswer(self, name)
        return node

    def of(self, *roles: str) -> Mapping[str, Node]:
        """The nodes of these roles, or of all, that gave an answer, each once."""
        if roles not in self._known:
            names = names_of(self.groups, *roles)
            known = {name: node for name in names if (node := self.nodes.get(name)) is not None}
            self._known[roles] = MappingProxyType(known)
        return self._known[roles]

    @cached_property
    def _known(self) -> dict[tuple[str, ...], Mapping[str, Node]]:
        """Roles to their nodes: this, too, every host asks."""
        return {}

    def where(self, holds: Callable[[Node], object], *roles: str) -> list[str]:
        """The names of the nodes of which something holds, among these roles or among all."""
        return [name for name, node in self.of(*roles).items() if holds(node)]

    @property
    def serving(self) -> bool:
        """Whether an engine runs on any server."""
        return any(node.engines for node in self.of("servers").values())

    @property
    def stopped(self) -> bool:
        """Whether no engine runs on any server, as all of them say; what is silent may serve.

        Nor a daos_server that somebody has started by hand: its engines come when they come.
        """
        servers = self.groups["servers"]
        known = [node for name in servers if (node := self.nodes.get(name))]
        strays = any(daemon.unit == SERVER for node in known for daemon in node.strays)
        return bool(servers) and len(known) == len(servers) and not self.serving and not strays

    @property
    def records(self) -> list[Record]:
        """What an update that is under way remembers on the servers; empty where none is.

        A client that was away may still have the record of an update that is long over.
        """
        return [node.record for node in self.of("servers").values() if node.record]

    @property
    def unseen(self) -> list[str]:
        """The servers on which daos_server may have been started without a trace.

        Nothing but a server has a trace, so of no other node it says anything.
        """
        return self.where(lambda node: node.unseen, "servers")

    @property
    def units(self) -> Units:
        """What the site calls the daemons' units: on all nodes the same."""
        return next((node.units for node in self.nodes.values() if node), USUAL)

    @property
    def silent(self) -> list[str]:
        """The nodes that gave no answer."""
        return [name for name, node in self.nodes.items() if node is None]


class NoAnswer(KeyError):
    """A node that somebody needs gave no answer.

    + view: how all nodes were seen then
    """

    def __init__(self, view: View, name: str) -> None:
        super().__init__(f"{name} gave no answer")
        self.view = view
