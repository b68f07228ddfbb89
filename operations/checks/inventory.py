"""The inventory, against what its nodes say that they are."""

from ..rules.findings import Finding, grouped
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
