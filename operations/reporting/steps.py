"""When each step of a run began and ended, on all nodes together and on each that acted."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pyinfra.api import State
from pyinfra.api.operation import OperationMeta

KEYS = ("name", "start", "end", "hosts", "changed", "failed", "seconds")


class Steps:
    """The steps of a run in the order in which they began, each as it stands in report.json.

    + name: as it stands in the procedure
    + start, end: UTC; end is None while the step is under way
    + hosts: the nodes where it acted
    + changed: the nodes that it changed
    + failed: the nodes where it failed or refused to act
    + seconds: node name to when its part began and ended, in seconds since `start`, for the nodes
      where it acted; the end is None where the run ended before it
    """

    def __init__(self) -> None:
        self._steps: dict[str, dict[str, Any]] = {}  # by the hash of pyinfra's operation

    def __bool__(self) -> bool:
        return bool(self._steps)

    @property
    def last(self) -> str:
        """The name of the step that began last. Raises LookupError where none has begun."""
        return str(self.latest["name"])

    @property
    def latest(self) -> dict[str, Any]:
        """The step that began last. Raises LookupError where none has begun."""
        return list(self._steps.values())[-1]

    def failed(self) -> tuple[str, list[str]]:
        """The step that a run did not get beyond, and those that acted after it all the same.

        It is the first one that failed on a node, and the last one of all where none did.
        """
        steps = list(self._steps.values())
        first = next((n for n, step in enumerate(steps) if step["failed"]), len(steps) - 1)
        later = [s["name"] for s in steps[first + 1 :] if set(s.get("hosts", ())) - {*s["failed"]}]
        return (str(steps[first]["name"]) if steps else ""), later

    def begin(self, state: State, op_hash: str) -> None:
        """A step begins."""
        for earlier in self._steps.values():
            if "end" in earlier:
                earlier["times"] = {}  # what came of it is in its seconds
        name = ", ".join(state.get_op_meta(op_hash).names)
        self._steps[op_hash] = {"name": name, "start": now(), "times": {}, "failed": []}

    def host_begins(self, state: State, host: str, op_hash: str) -> None:
        """A step begins on a node."""
        if op_hash not in self._steps:  # pyinfra announces no steps where it takes nodes in turn
            self.begin(state, op_hash)
        self._steps[op_hash]["times"].setdefault(host, [now(), None])

    def host_ends(self, host: str, op_hash: str, failed: bool = False) -> None:
        """A step has ended on a node."""
        step = self._steps[op_hash]
        step["times"][host][1] = now()
        if failed:
            step["failed"].append(host)

    def end(self, state: State) -> None:
        """The step that began last is over, on all nodes."""
        if not self._steps:
            return
        op_hash, step = list(self._steps.items())[-1]
        if "end" in step:
            return
        done = _operations(state, op_hash)
        step["end"] = now()
        step["hosts"] = sorted(name for name, meta in done.items() if _acted(meta))
        step["changed"] = sorted(
            name for name, meta in done.items() if meta.is_complete() and meta.did_change()
        )
        step["failed"].sort()
        step["seconds"] = _seconds(step, done)

    def under_way(self, state: State) -> dict[str, Any] | None:
        """The step that began last, as it stands in report.json while the run is on.

        + step: its name
        + number, of: which of how many steps of the procedure it is
        + since: UTC
        + done: the nodes that have done their part of it
        + left: the nodes that have not; some of them may turn out to have nothing to do
        None where no step has begun.
        """
        if not self._steps:
            return None
        op_hash, step = list(self._steps.items())[-1]
        nodes = _operations(state, op_hash)
        ended = {name for name, (_, end) in step["times"].items() if end}
        acted = {name for name in ended & nodes.keys() if _acted(nodes[name])}
        return {
            "step": step["name"],
            "number": len(self._steps),
            "of": len(state.op_meta),
            "since": _plain(step["start"]),
            "done": sorted(acted.union(step["failed"])),
            "left": [] if "end" in step else sorted(nodes.keys() - ended),
        }

    def content(self, state: State) -> list[dict[str, Any]]:
        """The steps as they stand in report.json; the one that is under way as far as it is."""
        for op_hash, step in list(self._steps.items())[-1:]:
            if "end" not in step:
                step["seconds"] = _seconds(step, _operations(state, op_hash))
        return [{key: _plain(step.get(key)) for key in KEYS} for step in self._steps.values()]


def now() -> datetime:
    """The time right now, UTC."""
    return datetime.now(UTC)


def _operations(state: State, op_hash: str) -> dict[str, OperationMeta]:
    """Node name to what is known of a step there."""
    return {
        host.name: operations[op_hash].operation_meta
        for host, operations in state.ops.items()
        if op_hash in operations
    }


def _acted(meta: OperationMeta) -> bool:
    return meta.is_complete() and meta.executed


def _seconds(step: dict[str, Any], done: Mapping[str, OperationMeta]) -> dict[str, Any]:
    """When the nodes that acted, or were about to, began and ended their part."""
    start = step["start"]
    return {
        name: [_since(start, begin), _since(start, end)]
        for name, (begin, end) in sorted(step["times"].items())
        if name in done and (end is None or name in step["failed"] or _acted(done[name]))
    }


def _since(start: datetime, time: datetime | None) -> float | None:
    return round((time - start).total_seconds(), 3) if time else None


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
