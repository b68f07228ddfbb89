"""The nodes as they stand in report.json: each before and after, and what is left to do there."""

from typing import Any

from ..machinery.run import Run
from ..rules.view import View
from . import earlier
from .earlier import Earlier


class Hosts:
    """What a report says of each node.

    + before: what earlier runs of the same update have said
    + left: the cluster after a run that did not get to its end
    """

    def __init__(self, current: Run, before: Earlier, left: View | None) -> None:
        self._current, self._before = current, before
        self._after = current.end or left

    def of(self, name: str) -> dict[str, Any]:
        """One node, as it stands in report.json."""
        current, before = self._current, self._before.of_node
        dependencies = {
            it.name: {"before": it.before, "after": it.after}
            for it in current.dependencies.get(name, ())
        }
        return {
            "roles": current.start.roles(name),
            "version_before": self._version_before(name),
            "version_after": _version(self._after, name) if self._after else None,
            "dependencies": dependencies or before(name, "dependencies") or {},
            "rpmnew": self._to_merge(name),
            "scriptlets": current.scriptlets.get(name) or before(name, "scriptlets") or [],
        }

    def _version_before(self, name: str) -> str | None:
        """The release that a node had, also where an earlier run of this update has changed it."""
        start = self._current.start
        had = _version(start, name)
        if self._current.procedure.back:
            return had
        before = self._before.of_node(name, "version_before")
        return earlier.remembered(start, name) or before or had

    def _to_merge(self, name: str) -> list[str]:
        """The configuration files that this update left to be merged, in this run or before."""
        current = self._current
        found = current.rpmnew.get(name)
        node = (self._after or current.seen).nodes.get(name)
        goes_on = bool(current.start.record or self._before) and not current.procedure.back
        if found is None and goes_on and node and node.at(current.target):
            return list(node.rpmnew)
        return found or []


def _version(view: View, name: str) -> str | None:
    node = view.nodes.get(name)
    return str(node.version) if node and node.version else None
