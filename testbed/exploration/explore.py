"""Exploring: cases that Hypothesis chooses are played, and what fails is made small."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.strategies import SearchStrategy

from .cases import Case
from .play import Played, Site, play

_KEPT = Path(".explore")
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
_DRAWN = 4  # times as many cases are drawn, at most: Hypothesis draws some twice
_ALL = re.compile("")


class Failed(AssertionError):
    """A case whose end is not as it should be."""

    def __init__(self, case: Case, played: Played) -> None:
        super().__init__("; ".join(played.problems))
        self.case, self.played = case, played


class _Over(BaseException):
    """The time is over, or enough cases are played."""


@dataclass
class Explored:
    """What came of an exploration.

    + cases, runs: how many cases were played, and procedures typed in them
    + struck: how many faults came, the others having been planted where nothing was done any more
    + after: after how many cases the first one failed, which is not small yet; 0 where none did
    + failed: the smallest case that fails; None where none does
    + problems: what is wrong with it
    """

    cases: int = 0
    runs: int = 0
    struck: int = 0
    after: int = 0
    failed: Case | None = None
    problems: tuple[str, ...] = ()

    @property
    def counts(self) -> str:
        """In words."""
        return f"{self.cases} cases, {self.runs} runs, {self.struck} faults"


def explore(
    chosen: SearchStrategy[Case],
    site: Site,
    number: int,
    most: int,
    minutes: float = float("inf"),
    progress: Callable[[Explored], None] = lambda so_far: None,
    wanted: re.Pattern[str] = _ALL,
    small: bool = True,
) -> Explored:
    """Play cases until one fails, or enough are played.

    + chosen: which
    + number: the seed: the same one chooses the same cases
    + most: how many
    + minutes: how long, in minutes
    + progress: is told how far it is
    + wanted: only a case fails one of whose problems this is found in
    + small: whether the case that fails is made small
    """
    found = Explored()
    well: set[Case] = set()
    until = time.monotonic() + 60 * minutes

    @seed(number)
    @settings(
        max_examples=_DRAWN * most,
        deadline=None,
        database=DirectoryBasedExampleDatabase(_KEPT / "examples"),
        suppress_health_check=list(HealthCheck),
        phases=_PHASES if small else _PHASES[:-1],
        report_multiple_bugs=False,
        print_blob=False,
    )
    @given(chosen)
    def one(case: Case) -> None:
        if case in well:
            return
        if found.failed is None and (found.cases == most or time.monotonic() > until):
            raise _Over
        played = play(case, site)
        found.cases += 1
        found.runs += len(played.runs)
        found.struck += sum(len(run.told[0]) for run in played.runs)
        progress(found)
        if any(wanted.search(problem) for problem in played.problems):
            found.after = found.after or found.cases
            found.failed, found.problems = case, tuple(played.problems)
            raise Failed(case, played)
        well.add(case)

    try:
        one()
    except _Over:
        pass
    except Failed as failed:
        found.failed, found.problems = failed.case, tuple(failed.played.problems)
    return found
