"""A run as whoever watches it sees it: a line a step, and what failed once for all of its nodes."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pyinfra import logger
from pyinfra.api import State

from ..daos.node_sets import fold
from ..machinery.progress import shown
from ..machinery.run import Run, say
from ..rules.findings import folded
from .steps import Steps


class Console:
    """Says how a run goes.

    + steps: those of the run, kept by its report
    """

    def __init__(self, current: Run, steps: Steps) -> None:
        self._current, self._steps = current, steps
        self._failures = 0  # that were said already
        self._opened = self._closed = False
        self._number, self._width = "", 0  # of the step that is under way
        self._order: list[str] = []  # of all steps

    def begins(self, state: State, op_hash: str) -> None:
        """A step begins."""
        self._current.concerned = frozenset()
        if len(self._order) != len(state.op_meta):
            self._order = state.get_op_order()
        order = self._order
        self._number = f"{order.index(op_hash) + 1:{len(str(len(order)))}}/{len(order)}"
        self._width = self._width or max(len(_name(state, it)) for it in order)
        begun = f"{self._number} {self._steps.last}"
        shown.begins(lambda: f"{begun}: {self._so_far()}")

    def ends(self) -> None:
        """The step that is under way, if there is one, has ended on all nodes, or with the run."""
        if not self._number:
            return
        shown.ends()
        step = self._steps.latest
        came = came_of(step, self._current.concerned, self._current.interrupted)
        say(f"{self._number} {step['name']:{self._width}}  {came}")
        self._number = ""
        for finding in folded(self._current.failures[self._failures :]):
            logger.error(f"--> {finding}")
        self._failures = len(self._current.failures)
        for line in self._of_the_window():
            say(line)

    def _so_far(self) -> str:
        step = self._steps.latest
        if not (self._current.concerned or step["failed"]):
            return "looking at the nodes"
        failed = f", FAILED on {fold(step['failed'])}" if step["failed"] else ""
        return f"{_nodes(step, self._current.concerned)}{failed}"

    def _of_the_window(self) -> Iterator[str]:
        window = self._current.window
        if window.is_open and not self._opened:
            self._opened = True
            since = f"{window.first_stop:%H:%M:%S} UTC" if window.first_stop else "an earlier run"
            yield f"-- the offline window is open since {since}"
        if window.seconds is not None and not self._closed and not self._current.failures:
            self._closed = True
            yield f"-- the offline window is over after {window.seconds:.1f} s"


def _name(state: State, op_hash: str) -> str:
    return ", ".join(state.get_op_meta(op_hash).names)


def came_of(step: Mapping[str, Any], concerned: frozenset[str], interrupted: bool = False) -> str:
    """What came of a step: nodes done of nodes concerned, seconds, the slowest node.

    + step: as `Steps` keeps it
    + concerned: the nodes that needed it
    + interrupted: whether a signal has come, after which not all have got to their end
    """
    failed = step["failed"]
    if not concerned and not failed:
        return "interrupted" if interrupted else "nothing to do"
    begin: datetime = step["start"]
    words = [_nodes(step, concerned), f"{(step['end'] - begin).total_seconds():.1f} s"]
    if interrupted:
        words.append("interrupted")
    elif failed:
        words.append(f"FAILED on {fold(failed)}")
    elif slowest := _slowest(step["seconds"]):
        words.append(f"slowest {slowest}")
    return "  ".join(words)


def _nodes(step: Mapping[str, Any], concerned: frozenset[str]) -> str:
    """How many nodes have done it, of how many."""
    failed = frozenset(step["failed"])
    ended = {name for name, (_, end) in step["times"].items() if end} - failed
    every = len(concerned | failed)
    return f"{len(ended & concerned)} of {every} node{'' if every == 1 else 's'}"


def _slowest(seconds: Mapping[str, tuple[float, float | None]]) -> str:
    """The node that ended last, where there are several; "" where there are not."""
    ends = {name: end for name, (_, end) in seconds.items() if end is not None}
    if len(ends) < 2:
        return ""
    name = max(ends, key=lambda name: ends[name])
    return f"{name} {ends[name]:.1f} s"
