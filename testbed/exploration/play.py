"""Playing a case: typed, repaired, typed again, until it is done or no end is in sight."""

import json
import shlex
import shutil
import tempfile
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from testbed.simulation import process
from testbed.simulation.faults import Plan
from testbed.simulation.process import Outcome

from . import administrator, judgement
from .cases import UPDATE, Case
from .likeness import Known

_MOST = 8  # runs after which there is no end in sight
_FOLDERS = Path("/dev/shm")
_LINKED = ("*.py", "deploys", "operations", "group_data")
Say = Callable[[str], None]


@dataclass
class Played:
    """What came of a case.

    + problems: what is wrong, in words; empty where all is well
    + runs: the runs, one after the other
    """

    problems: list[str] = field(default_factory=list)
    runs: list[Outcome] = field(default_factory=list)


class Site:
    """A folder in which procedures are typed, linked from a project."""

    def __init__(self, project: Path) -> None:
        self._temporary = tempfile.TemporaryDirectory(
            prefix="daos-explore-", dir=_FOLDERS if _FOLDERS.is_dir() else None
        )
        self.path = Path(self._temporary.name)
        for found in (path for form in _LINKED for path in project.glob(form)):
            (self.path / found.name).symlink_to(found)

    def report(self) -> dict[str, Any]:
        """The newest report; empty where there is none."""
        found = sorted(
            (self.path / "runs").glob("2*/report.json"), key=lambda it: it.stat().st_mtime_ns
        )
        return dict(json.loads(found[-1].read_text())) if found else {}

    def clear(self) -> None:
        """Nobody has typed anything here yet."""
        shutil.rmtree(self.path / "runs", ignore_errors=True)


def play(case: Case, site: Site, say: Say = lambda line: None) -> Played:
    """Play a case.

    + say: is told the story, line by line
    """
    site.clear()
    playing = Playing(case, site, say)
    playing.to_the_end()
    return playing.played


class Playing:
    """A case that is being played.

    + case: what is played
    + number: of the run that comes next, from 0
    + cluster: as it is before that
    + over: whether none comes any more
    + known: whether none comes since it is known how it goes on
    + done: the procedure that has come to its end last; "" where none has
    + owed: the same where it has left nodes out, so that it is typed once more in the end
    """

    def __init__(self, case: Case, site: Site, say: Say = lambda line: None) -> None:
        self.case, self._site, self._say = case, site, say
        self.played = Played()
        self.number = 0
        self.cluster = case.cluster()
        self.over = self.known = False
        self._told = ""  # by the last run to be typed in the place of it
        self.done = self.owed = ""
        judgement.note_contents(self.cluster)

    def branch(self, case: Case) -> Self:
        """The same so far, as another case is played."""
        other = copy(self)
        other.case = case
        other.played = Played(self.played.problems[:], self.played.runs[:])
        return other

    def to_the_end(self, known: Known | None = None) -> None:
        """Type until it is over, and judge how that is.

        + known: what was played already, which is not played again
        """
        try:
            while not self.over and not self.known:
                self.known = bool(known and known(self))
                if not self.known:
                    self.type()
            self._judge()
        except process.Broken as why:  # a command that it does not know, for one
            self.played.problems.append(f"the simulation: {why}")
        for problem in self.played.problems:
            self._say(f"==> {problem}")

    @property
    def procedure(self) -> str:
        """What is typed next."""
        return self._told or self.case.procedure(self.number)

    @property
    def words(self) -> tuple[str, ...]:
        """The same with what is typed after it."""
        case = self.case
        boot = () if all(it.enabled for it in case.hosts) else ("--data", "start_at_boot=null")
        target = ("--data", f"target_release={case.target}")
        return (self.procedure, "-y", *target, *boot, *case.words)

    def type(self) -> None:
        """The next run. Raises Broken."""
        faults = tuple(fault for fault in self.case.faults if fault.run == self.number)
        folder, plan = self._site.path, Plan(faults)
        plan.comes_ahead(self.cluster)
        self.ended(process.pyinfra(self.cluster, folder, *self.words, planted=plan))

    def ended(self, outcome: Outcome) -> None:
        """The next run has ended so: what is wrong with it, and what is done then."""
        procedure, cluster = self.procedure, outcome.cluster
        self._say(f"--- run {self.number}: {shlex.join(('pyinfra', 'inventory', *self.words))}")
        for fault, line in outcome.told[0]:
            self._say(f"    !! {fault}: `{line[:60]}`")
        self._say(outcome.output)
        self.cluster = cluster
        self.played.runs.append(outcome)
        report = self._site.report()
        self.played.problems += judgement.of_a_run(outcome, report)
        if outcome.exit_code == 0:
            self.done = procedure
            self.owed = procedure if report.get("left_out") else ""
        if _is_over(self.case, self.number, outcome, report):
            # What goes wrong after the last look is for the next one to see.
            self.over = not self.owed and not any(judgement.of_the_state(cluster, self.case))
            self._told = self.owed or UPDATE
        if not self.over:
            self._between(procedure, report, outcome.output)
        self.number += 1

    def _between(self, procedure: str, report: Mapping[str, Any], output: str) -> None:
        """What is repaired and done until the next run."""
        self.cluster.clock.pass_by(self.case.pause)
        administrator.repair(self.cluster)
        other = administrator.types(procedure, report)
        self._told = other if other != procedure else self._told
        for line in administrator.act(self.cluster, report, output):
            self._say(f"    the administrator: {line}")
        if self.number + 1 == _MOST:
            self.over = True
            codes = dict.fromkeys(finding["code"] for finding in administrator.findings(report))
            last = f", the last one: {', '.join(codes)}" if codes else ""
            self.played.problems.append(f"no end after {_MOST} runs{last}")

    def _judge(self) -> None:
        if self.known:
            self.played.problems += judgement.of_the_rules(self.case, self.cluster)
            return
        judgement.note_contents(self.cluster)
        self.played.problems += judgement.of_the_end(self.case, self.cluster, self.done)


def _is_over(case: Case, run: int, outcome: Outcome, report: Mapping[str, Any]) -> bool:
    """Whether nothing is to come any more, of faults and of what is typed, and a run has ended."""
    last = max(len(case.typed) - 1, *(fault.run for fault in case.faults), 0)
    return run >= last and (outcome.exit_code == 0 or judgement.is_an_end(report))
