"""Rounds of the ways, one after the other, each on a fresh lab: medians and ratios."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from testbed.lab.harness import Lab
from testbed.rehearsal.session import lab_of_its_own, say

from . import procedure, processor
from .ways import WAYS, Way


@dataclass(frozen=True)
class Window:
    """One update.

    + number: of its round
    + way: the name of how it was done
    + seconds: from the first agent that stopped to the last one that started
    + others: as of `processor.Share`, while it was typed
    """

    number: int
    way: str
    seconds: float
    others: float | None = None


def measured(number: int, way: Way, inventory: str, slow: bool = False) -> Window:
    """Do the update on a fresh lab.

    + slow: whether the repository is; see `procedure.slow`
    """
    with lab_of_its_own("bench", Path(inventory), procedure.BEFORE, procedure.FLAVOUR) as lab:
        if slow:
            procedure.slow(lab)
        way.ready(lab)
        began = datetime.now(UTC)
        with processor.shared() as share:
            way.typed(lab)
        stopped, started = (_times(lab, event, began) for event in ("stop", "start"))
        seconds = (max(started) - min(stopped)).total_seconds()
        return Window(number, way.name, seconds, share.others)


def _times(lab: Lab, event: str, since: datetime) -> Iterator[datetime]:
    for it in lab.events():
        when = datetime.fromisoformat(it["time"])
        if (it["program"], it["event"]) == ("daos_agent", event) and when >= since:
            yield when


def rounds(count: int, inventory: str = "inventory", slow: bool = False) -> list[Window]:
    """All ways in each round, beginning with another one each time; arguments as of `measured`."""
    found = []
    for number in range(count):
        for offset in range(len(WAYS)):
            way = WAYS[(number + offset) % len(WAYS)]
            found.append(measured(number, way, inventory, slow))
            say(f"round {number + 1}: {way.name}: {found[-1].seconds:.2f} s")
    return found


@dataclass(frozen=True)
class Compared:
    """A way beside the first one.

    + seconds: the median of its windows
    + ratios: the window of the first way to its own, round by round
    + others: as of `processor.Share`: the median of the rounds that tell it
    """

    way: str
    seconds: float
    ratios: list[float]
    others: float | None = None


def compared(found: Sequence[Window]) -> list[Compared]:
    """All ways, the first one as well."""
    by_way: dict[str, list[Window]] = {}
    for it in found:  # round by round
        by_way.setdefault(it.way, []).append(it)
    ours = by_way[found[0].way]
    return [_compared(way, its, ours) for way, its in by_way.items()]


def _compared(way: str, its: Sequence[Window], ours: Sequence[Window]) -> Compared:
    told = [it.others for it in its if it.others is not None]
    return Compared(
        way,
        statistics.median(it.seconds for it in its),
        [first.seconds / it.seconds for first, it in zip(ours, its, strict=True)],
        statistics.median(told) if told else None,
    )
