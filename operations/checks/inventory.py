"""The inventory, against what its nodes say that they are, and what they remember of an update."""

from ..daos.node import Node
from ..daos.node_sets import fold
from ..daos.window_file import FOLDER
from ..rules.findings import Finding, for_each, grouped
from ..rules.members import is_called
from ..rules.view import View


def twice_named(view: View) -> list[Finding]:
    """Nodes that the inventory has under more than one name: a run would act on each of them."""
    nodes = grouped((name, node.itself or None) for name, node in view.of().items())
    return [
        Finding(
            "named-twice",
            tuple(names),
            f"these are one node, {itself[0]}: keep one of the names in `inventory`, and have it "
            "in all the groups where the others are",
        )
        for itself, names in nodes.items()
        if len(names) > 1
    ]


def foreign_records(view: View) -> list[Finding]:
    """Nodes that remember an update of another system, as those do whose disk was cloned there.

    What ran, which pools there were and whether an engine was started: nothing of it is true here.
    """
    known = len(view.of("servers")) == len(view.groups["servers"])
    said = (
        (name, _of_another(view, name, node, known))
        for name, node in view.of().items()
        if node.record and node.record.servers and not node.mended
    )
    return for_each("foreign-record", said)


def _of_another(view: View, name: str, node: Node, known: bool) -> str | None:
    """What is wrong with a node's record, if that is of another system.

    + known: whether all servers have given an answer
    """
    assert node.record
    servers = view.of("servers")
    own = {name: node} if name in servers else servers if known else None
    called = node.record.servers
    if own is None or any(is_called(it, n, c) for n, it in own.items() for c in called):
        return None
    return (
        f"what is remembered there is of an update of another system, whose servers are "
        f"{fold(called)}: was its disk cloned? Move that away (`mv {FOLDER} /root`), then type the "
        "same command again"
    )
