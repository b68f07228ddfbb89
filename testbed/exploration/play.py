"""Playing a case: typed, repaired, typed again, until it is done or no end is in sight."""

import json
import shutil
import tempfile
from collections.abc import Callable
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
    + cluster: as it is in the end
    """

    problems: list[str] = field(default_factory=list)
    runs: list[Outcome] = field(default_factory=list)
    cluster: Cluster | None = None


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
    cluster = case.cluster()
    played = Played(cluster=cluster)
    judgement.note_contents(cluster)
    told = ""  # by the last run to be typed in the place of it
    done = ""  # the procedure that has come to its end last
    for run in range(_MOST):
        faults = tuple(fault for fault in case.faults if fault.run == run)
        procedure = told or case.procedure(run)
        say(f"--- run {run}: pyinfra inventory {procedure} -y")
        outcome = process.pyinfra(
            cluster, site.path, procedure, "-y", "--data", f"target_release={case.target}",
            planted=Plan(faults),
        )  # fmt: skip
        cluster = played.cluster = outcome.cluster
        played.runs.append(outcome)
        for fault, line in outcome.told[0]:
            say(f"    !! {fault}: `{line[:60]}`")
        say(outcome.output)
        report = site.report()
        played.problems += judgement.of_a_run(case, outcome, report)
        if outcome.exit_code == 0:
            done = procedure
        over = run >= _last_fault(case) and run >= len(case.typed) - 1
        ended = outcome.exit_code == 0 or judgement.is_an_end(report)
        if over and ended:
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
    for problem in played.problems:
        say(f"==> {problem}")
    return played


def _last_fault(case: Case) -> int:
    return max((fault.run for fault in case.faults), default=0)
