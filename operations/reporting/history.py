"""What a report tells about time: the steps in which something was done, and who waited."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class NodeStep:
    """What one node did in a step; seconds since the first step began.

    + end: None where the run ended before it
    """

    begin: float
    end: float | None


@dataclass(frozen=True)
class Step:
    """A step in which at least one node did something; seconds since the first step began.

    + number: its place among such steps, from 1
    + start: UTC
    + end: when it had ended on all nodes, or when the run ended
    + nodes: node name to what it did, for the nodes that did something
    + changed: the nodes that it changed
    + failed: the nodes where it failed
    """

    number: int
    name: str
    start: datetime
    begin: float
    end: float
    nodes: Mapping[str, NodeStep]
    changed: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()

    @cached_property
    def slowest(self) -> str:
        """The node for which the others waited."""
        return max(self.nodes, key=self.ended)

    @cached_property
    def last_end(self) -> float:
        """When the slowest node had ended."""
        return self.ended(self.slowest)

    def ended(self, name: str) -> float:
        """When a node had done its part; where it had none, when the step began."""
        node_step = self.nodes.get(name)
        if node_step is None:
            return self.begin
        return self.end if node_step.end is None else node_step.end


@dataclass(frozen=True)
class Wait:
    """How long a node waited for others.

    + total: in all steps, seconds
    + longest: in the step in which it waited longest, seconds
    + step: that step
    """

    total: float
    longest: float
    step: Step


@dataclass(frozen=True)
class History:
    """The course of a run.

    + steps: in the order in which they began, without those in which nobody did anything
    + length: from the first step to the end, seconds
    + window: the offline window within `length`, seconds; its end is None where it did not end
    """

    start: datetime | None = None
    steps: tuple[Step, ...] = ()
    length: float = 0.0
    window: tuple[float, float | None] | None = None
    waits: Mapping[str, Wait] = field(default_factory=dict)

    def share(self, step: Step) -> float | None:
        """Which part of the offline window went into a step, from 0 to 1; None for no part of it,
        and as long as nobody knows how long the window is.
        """
        first, last = self.window or (0.0, None)
        if last is None:
            return None
        inside = min(step.end, last) - max(step.begin, first)
        return inside / (last - first) if inside > 0 else None


def read(report: Mapping[str, Any]) -> History:
    """The course of the run that a report is about; empty where no step began."""
    phases = report.get("phases") or []
    if not phases:
        return History()
    start = min(time(phase["start"]) for phase in phases)
    length = max(_ends(report, start))
    acted = [phase for phase in phases if _nodes(phase, start)]
    steps = [_step(number, phase, start, length) for number, phase in enumerate(acted, 1)]
    waits = {name: wait for name in report.get("hosts", {}) for wait in _wait(name, steps)}
    return History(start, tuple(steps), length, _window(report, start), waits)


def time(text: str) -> datetime:
    """A time as it stands in a report."""
    return datetime.fromisoformat(text)


def _since(start: datetime, text: str) -> float:
    return (time(text) - start).total_seconds()


def _ends(report: Mapping[str, Any], start: datetime) -> Iterable[float]:
    yield 0.001  # a run that was over at once has a length too
    until = report.get("ended") or report.get("written")  # of a run that is on: its last word
    if until:
        yield _since(start, until)
    for phase in report["phases"]:
        yield _since(start, phase.get("end") or phase["start"])
        yield from (p.end for p in _nodes(phase, start).values() if p.end is not None)


def _nodes(phase: Mapping[str, Any], start: datetime) -> dict[str, NodeStep]:
    begin = _since(start, phase["start"])
    seconds = phase.get("seconds")
    if seconds is not None:
        return {
            name: NodeStep(begin + first, None if last is None else begin + last)
            for name, (first, last) in seconds.items()
        }
    end = _since(start, phase["end"]) if phase.get("end") else None
    return {name: NodeStep(begin, end) for name in phase.get("hosts") or []}


def _step(number: int, phase: Mapping[str, Any], start: datetime, length: float) -> Step:
    return Step(
        number=number,
        name=phase["name"],
        start=time(phase["start"]),
        begin=_since(start, phase["start"]),
        end=_since(start, phase["end"]) if phase.get("end") else length,
        nodes=_nodes(phase, start),
        changed=frozenset(phase.get("changed") or []),
        failed=frozenset(phase.get("failed") or []),
    )


def _wait(name: str, steps: list[Step]) -> Iterable[Wait]:
    """How long a node waited, if anybody made it wait."""
    waits = [(step.last_end - step.ended(name), step) for step in steps]
    longest, step = max(waits, key=lambda wait: wait[0], default=(0.0, None))
    if step is not None and longest > 0:
        yield Wait(sum(max(0.0, seconds) for seconds, _ in waits), longest, step)


def _window(report: Mapping[str, Any], start: datetime) -> tuple[float, float | None] | None:
    window = report.get("offline_window")
    if not window or not window["start"]:
        return None
    begin = _since(start, window["start"])
    end = _since(start, window["end"]) if window.get("end") else None
    last_begin = max(_since(start, phase["start"]) for phase in report["phases"])
    if end is not None and report["outcome"] in ("failed", "running") and last_begin <= end:
        end = None  # the step that failed, or is under way, is the one that starts the agents
    return begin, end
