"""Playing a case: typed, repaired, typed again, until it is done or no end is in sight."""

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from testbed.simulation import process
from testbed.simulation.cluster import Cluster
from testbed.simulation.faults import Plan
from testbed.simulation.process import Outcome

from . import administrator, judgement
from .cases import UPDATE, Case

_MOST = 8  # runs after which there is no end in sight
_FOLDERS = Path("/dev/shm")
_LINKED = ("deploy.py", "deploys", "config.py", "operations", "group_data")
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
        for name in _LINKED:
            (self.path / name).symlink_to(project / name)

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
    played = Played()
    try:
        _play(case, site, say, played)
    except process.Broken as why:  # a command that it does not know, for one
        played.problems.append(f"the simulation: {why}")
    for problem in played.problems:
        say(f"==> {problem}")
    return played


def _play(case: Case, site: Site, say: Say, played: Played) -> None:
    cluster = case.cluster()
    judgement.note_contents(cluster)
    told = ""  # by the last run to be typed in the place of it
    done = ""  # the procedure that has come to its end last
    for run in range(_MOST):
        procedure = told or case.procedure(run)
        say(f"--- run {run}: pyinfra inventory {procedure} -y")
        outcome = _typed(case, run, procedure, cluster, site)
        cluster = outcome.cluster
        played.runs.append(outcome)
        for fault, line in outcome.told[0]:
            say(f"    !! {fault}: `{line[:60]}`")
        say(outcome.output)
        report = site.report()
        played.problems += judgement.of_a_run(outcome, report)
        if outcome.exit_code == 0:
            done = procedure
        if _is_over(case, run, outcome, report):
            # What goes wrong after the last look is for the next one to see.
            if not any(judgement.of_the_state(cluster)):
                break
            told = UPDATE
        cluster.clock.pass_by(case.pause)
        administrator.repair(cluster)
        other = administrator.types(procedure, report)
        told = other if other != procedure else told
        for line in administrator.act(cluster, report):
            say(f"    the administrator: {line}")
    else:
        played.problems.append(f"no end after {_MOST} runs")
    judgement.note_contents(cluster)
    played.problems += judgement.of_the_end(case, cluster, done)


def _typed(case: Case, run: int, procedure: str, cluster: Cluster, site: Site) -> Outcome:
    faults = tuple(fault for fault in case.faults if fault.run == run)
    words = (procedure, "-y", "--data", f"target_release={case.target}")
    return process.pyinfra(cluster, site.path, *words, planted=Plan(faults))


def _is_over(case: Case, run: int, outcome: Outcome, report: Mapping[str, Any]) -> bool:
    """Whether nothing is to come any more, of faults and of what is typed, and a run has ended."""
    last = max(len(case.typed) - 1, *(fault.run for fault in case.faults), 0)
    return run >= last and (outcome.exit_code == 0 or judgement.is_an_end(report))
