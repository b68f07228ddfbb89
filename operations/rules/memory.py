"""What the servers keep of every node: one whose own record is lost gets it back. No I/O."""

from collections.abc import Collection
from dataclasses import replace

from ..daos.node import Node
from ..daos.node_sets import fold, unfold
from ..daos.releases import Version
from ..daos.window_file import Had, Record
from .findings import grouped
from .members import short
from .view import View


def of_all(view: View, target: Version | None = None) -> dict[str, Had]:
    """What each node had before the update, by their own host names, folded.

    Of a node that is not among these it is what an earlier run has found.

    + target: the release that the update leads to, where that is known
    """
    nodes = view.of().values()
    found = [(node.hostname, _had(node, target)) for node in nodes]
    names = {node.hostname for node in nodes}
    found += [kept for kept in _kept(view.records).items() if kept[0] not in names]
    return {fold(names): had for had, names in grouped(found).items()}


def _had(node: Node, target: Version | None) -> Had:
    if node.record:
        return Had(node.record.release, node.record.enabled, node.record.running)
    running = tuple(unit for unit in node.services if node.runs(unit))
    return Had(node.remembered_as(target), tuple(node.enabled), running)


def _kept(records: list[Record]) -> dict[str, Had]:
    """Own host name to what that node had; a name that stands for several nodes says nothing."""
    said: dict[str, list[Had]] = {}
    entries = {entry for record in records for entry in record.had.items()}  # mostly all the same
    for names, had in entries:
        for name in unfold(names):
            said.setdefault(name, []).append(had)
    return {name: hads[0] for name, hads in said.items() if len(set(hads)) == 1}


def gone(view: View, away: Collection[str] = ()) -> list[str]:
    """The own host names of nodes that the update began with, and that the inventory has no more.

    What the update has disabled there stays so. Empty where a node gives no answer whose name in
    the inventory is not its own: it may be any of them.

    + away: names of nodes that are not in the view, but in the inventory
    """
    began = {short(name): name for name in _kept(view.records)}
    silent = {short(name) for name in (*view.silent, *away)}
    if not silent <= began.keys():
        return []
    there = {short(node.hostname) for node in view.of().values()} | silent
    return sorted(name for key, name in began.items() if key not in there)


def mended(view: View) -> View:
    """The view, in which a node that remembers nothing has what the servers have kept of it."""
    records = view.records
    lost = {name: node for name, node in view.nodes.items() if node and not node.record}
    if not lost or not records:
        return view
    kept, first = _kept(records), min(records, key=lambda record: record.began)
    again = {
        name: replace(node, record=_again(first, node, kept[node.hostname]), mended=True)
        for name, node in lost.items()
        if node.hostname in kept
    }
    return replace(view, nodes={**view.nodes, **again})


def _again(record: Record, node: Node, had: Had) -> Record:
    """A node's record, made of another one's.

    Whether daos_server was started there on what is installed by now, nobody knows: so it was.
    """
    started = "" if node.was(had.release) else str(node.newest or "unknown")
    return replace(
        record,
        release=had.release,
        enabled=had.enabled,
        running=had.running,
        started=started,
        dependencies=(),
        had={},
    )
