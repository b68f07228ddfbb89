"""The picture of a run: a row for each node or set of nodes, a colour for each step.

Here is only where everything goes: across in per cent of the width, down in pixels.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median

from ..daos.node_sets import fold
from ..rules.findings import grouped
from .history import History, Step

COLOURS = 8  # the ninth step has the first one's colour again, with stripes
MOST_ROWS = 40  # more nodes than that are folded

HEAD, ROW, GAP, FOOT = 62, 22, 24, 30  # pixels: above the rows, a row, a role's name, the axis

_LABEL_WIDTH = 4.3  # per cent that a step's number needs, on the narrowest picture
_TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400]


@dataclass(frozen=True)
class Label:
    """The number of a step above the rows, with a line to the middle of the step."""

    step: Step
    at: float
    middle: float


@dataclass(frozen=True)
class Bar:
    """What the nodes of one row did in one step.

    + x, end: from the first node's begin to the last node's end
    + half: when half of the nodes had ended
    + wait: until when they waited for the slowest node of all
    + state: "", "failed", or "cut" where the run ended before it
    + words: for the tooltip
    """

    step: Step
    x: float
    half: float
    end: float
    wait: float
    state: str
    words: str


@dataclass(frozen=True)
class Row:
    """One node, or nodes that did the same."""

    name: str
    nodes: int
    y: int
    bars: list[Bar]


@dataclass(frozen=True)
class Section:
    """The rows of one role."""

    role: str
    y: int
    rows: list[Row]


@dataclass(frozen=True)
class Band:
    """The offline window; `open` where it did not end within the picture."""

    x: float
    end: float
    label: float
    open: bool


@dataclass(frozen=True)
class Picture:
    """All that is drawn.

    + longest: characters of the longest name of a row
    """

    height: int
    longest: int
    labels: list[Label]
    sections: list[Section]
    band: Band | None
    ticks: list[tuple[float, str]]
    folded: bool


def draw(history: History, roles: Mapping[str, Sequence[str]]) -> Picture:
    """Where everything goes.

    + roles: role to the names of its nodes, each node once
    """
    scale = 100 / history.length
    sections: list[Section] = []
    y = HEAD
    for role, sets in _fold(history, roles).items():
        rows = [
            Row(folded(names), len(names), y + GAP + ROW * n, _bars(names, history, scale))
            for n, names in enumerate(sets)
        ]
        sections.append(Section(role, y, rows))
        y += GAP + ROW * len(rows)
    count = sum(len(section.rows) for section in sections)
    return Picture(
        height=y + FOOT,
        longest=max((len(row.name) for section in sections for row in section.rows), default=0),
        labels=_labels(history.steps, scale),
        sections=sections,
        band=_band(history, scale),
        ticks=_ticks(history.length),
        folded=count < sum(map(len, roles.values())),
    )


def folded(names: Iterable[str]) -> str:
    """Names as a folded node set."""
    return _folded(tuple(sorted(names)))


@lru_cache(maxsize=256)
def _folded(names: tuple[str, ...]) -> str:
    """Most steps have the same names, and a thousand of them take a while."""
    return fold(names)


def _fold(history: History, roles: Mapping[str, Sequence[str]]) -> dict[str, list[list[str]]]:
    """The rows: each node, or those together that did the same, or all of one role."""
    each = {role: [[name] for name in names] for role, names in roles.items() if names}
    alike = {role: _alike(history, names) for role, names in roles.items() if names}
    for rows in (each, alike):
        if sum(map(len, rows.values())) <= MOST_ROWS:
            return rows
    return {role: [list(names)] for role, names in roles.items() if names}


def _alike(history: History, names: Sequence[str]) -> list[list[str]]:
    def did(name: str) -> tuple[object, ...]:
        return tuple((_state(step, [name]), name in step.nodes) for step in history.steps)

    return list(grouped((name, did(name)) for name in names).values())


def _state(step: Step, names: Iterable[str]) -> str:
    names = [name for name in names if name in step.nodes]
    if not step.failed.isdisjoint(names):
        return "failed"
    return "cut" if any(step.nodes[name].end is None for name in names) else ""


def _bars(names: Sequence[str], history: History, scale: float) -> list[Bar]:
    acted = ((step, [name for name in names if name in step.nodes]) for step in history.steps)
    return [_bar(step, here, scale) for step, here in acted if here]


def _bar(step: Step, names: list[str], scale: float) -> Bar:
    begin = min(step.nodes[name].begin for name in names)
    ends = [step.ended(name) for name in names]
    state = _state(step, names)
    return Bar(
        step=step,
        x=begin * scale,
        half=median(ends) * scale,
        end=max(ends) * scale,
        wait=max(step.last_end, max(ends)) * scale,
        state=state,
        words=_words(step, names, begin, ends, state),
    )


def _words(step: Step, names: list[str], begin: float, ends: list[float], state: str) -> str:
    how = {"failed": ", failed", "cut": ", did not end"}.get(state, "")
    head = f"{step.number}. {step.name}\n{folded(names)}: {duration(max(ends) - begin)}{how}"
    if len(names) > 1:
        half = f"half of {len(names)} nodes after {duration(median(ends) - begin)}"
        return f"{head}; {half}, last {max(names, key=step.ended)}"
    wait = step.last_end - max(ends)
    return f"{head}; then waited {duration(wait)} for {step.slowest}" if wait > 0 else head


def duration(seconds: float) -> str:
    """A length of time in words: "5.7 s", "12 min 05 s", "1 h 02 min"."""
    if seconds < 59.95:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min"


def _labels(steps: Sequence[Step], scale: float) -> list[Label]:
    """The numbers, moved apart where steps are so short that they would overlap."""
    middles = [(step.begin + step.end) / 2 * scale for step in steps]
    width = min(_LABEL_WIDTH, 100 / (len(steps) or 1))
    places: list[float] = []
    for middle in middles:
        least = places[-1] + width if places else width / 2
        places.append(max(middle, least))
    most = 100 - width / 2
    for n in reversed(range(len(places))):
        places[n] = min(places[n], most)
        most = places[n] - width
    return [Label(*label) for label in zip(steps, places, middles, strict=True)]


def _band(history: History, scale: float) -> Band | None:
    if history.window is None:
        return None
    begin, end = history.window
    x = min(100.0, max(0.0, begin * scale))
    last = 100.0 if end is None else min(100.0, max(x, end * scale))
    return Band(x, last, min(80.0, max(20.0, (x + last) / 2)), end is None)


def _ticks(length: float) -> list[tuple[float, str]]:
    """Places on the axis, and the time since the first step there."""
    step = next((tick for tick in _TICKS if length / tick <= 8), None)
    step = step or 86400.0 * -(-length // (8 * 86400))
    count = int(length / step * 0.97) + 1  # one at the very end would be cut off
    return [(n * step / length * 100, _clock(n * step, step)) for n in range(count)]


def _clock(seconds: float, step: float) -> str:
    """Seconds as a label, as exact as the axis needs it."""
    if step < 1:
        return f"{seconds:.1f} s"
    if step < 60:
        whole = int(seconds)
        return f"{whole} s" if step < 20 else f"{whole // 60}:{whole % 60:02} min"
    minutes = int(seconds) // 60
    return f"{minutes} min" if step < 1800 else f"{minutes // 60}:{minutes % 60:02} h"
