"""The cluster as a run found it, before it touched anything, and what follows from that."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Self

from ..daos.node import SERVER, Node
from ..daos.releases import Version
from ..daos.window_file import Had, Record
from . import memory
from .view import View


@dataclass(frozen=True)
class Start(View):
    """What was found at the start of a run; it stays as it is for the whole run.

    + target: the release that every node shall have; None where that is not known
    + left_out: the nodes that could not be reached, and that this run goes without
    + ranks: the ranks that were Joined before this update
    + pools: the pools that were there before it, label by UUID
    """

    target: Version | None = None
    left_out: frozenset[str] = frozenset()
    ranks: tuple[int, ...] = ()
    pools: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def outdated(self) -> frozenset[str]:
        """The nodes that are not at the target."""
        return frozenset(self.where(lambda node: not self._at_target(node)))

    def _at_target(self, node: Node) -> bool:
        return self.target is not None and node.at(self.target)

    @cached_property
    def opens_window(self) -> bool:
        """Whether all of DAOS has to stop.

        Where no server is outdated, but a client or an admin node that an earlier run could not
        reach, it is about that node alone, and the rest of the system goes on serving.
        """
        left_behind = self.serving and self.outdated.isdisjoint(self.groups["servers"])
        return bool(self.outdated) and not left_behind

    def concerns(self, name: str) -> bool:
        """Whether what runs on a node has to stop for this update."""
        return self.opens_window or name in self.outdated

    @property
    def concerned(self) -> frozenset[str] | None:
        """The nodes that have to stop, None for all."""
        return None if self.opens_window else self.outdated

    def changed(self, now: View) -> list[str]:
        """The nodes of which what was planned is no longer so: other packages, another memory of
        what is under way. What only serves or rests there by now is judged by each step itself.

        + now: a later look; a node that says nothing in it is judged when it does
        """
        later = self.anew(now)
        if self.opens_window != later.opens_window:
            return list(later.of("servers"))
        return [name for name, node in later.of().items() if _plan(self.nodes[name]) != _plan(node)]

    def anew(self, now: View) -> Self:
        """The same start by a later look; what says nothing in it stays as it was found."""
        return replace(self, nodes={**self.nodes, **now.of()})

    @cached_property
    def record(self) -> Record | None:
        """What an earlier run of this update has left on the servers, None if there was none."""
        return min(self.records, key=lambda record: record.began, default=None)

    @cached_property
    def had(self) -> dict[str, Had]:
        """What each node had before this update, for the servers to keep."""
        return memory.of_all(self, self.target)

    @property
    def opened_before(self) -> datetime | None:
        """When an earlier run stopped the first thing; None where all still ran as before."""
        stopped = (
            not node.runs(unit)
            for node in self.nodes.values()
            if node and node.record
            for unit in node.record.running
        )
        return self.record.began if self.record and any(stopped) else None

    @property
    def ages(self) -> list[float]:
        """How long an update has been under way by the servers' own clocks, in seconds.

        Of those that another run has had to hold once more it is less, so the longest counts.
        """
        known = (node.held_for for node in self.of("servers").values() if node.record)
        return [max(ages)] if (ages := [age for age in known if age is not None]) else []

    def ran_before(self, name: str, unit: str) -> bool:
        """Whether a unit ran on a node before this update."""
        node = self.nodes.get(name)
        ran = node and (node.runs(unit) or (node.record and unit in node.record.running))
        return bool(ran)

    @cached_property
    def idle(self) -> bool:
        """Whether nothing is to be done on any node."""
        due = any(
            (service.enabled and (service.on_its_way or not service.running))
            or node.record
            or node.outlived
            for node in self.of().values()
            for service in node.services.values()
        )
        return not (due or self.outdated or self.will_start_servers)

    @cached_property
    def will_start_servers(self) -> bool:
        """Whether daos_server has to be started on some node."""
        servers = self.of("servers").values()
        return self.opens_window or not all(node.serves(SERVER) for node in servers)


def _plan(node: Node | None) -> object:
    """What of a node is planned by."""
    return node and (node.packages, node.record)
