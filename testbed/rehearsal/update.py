"""The rehearsal of an update, as `inventory` and `group_data` describe it, run on a lab."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from testbed.lab.harness import Lab
from testbed.referee import Verdict, judge, lines
from testbed.rehearsal import session

UPDATED = "updated"


def rehearse(inventory: Path, version: str, flavour: str, target: str = "") -> int:
    """Run the update on a lab and judge it; give the exit code: 0 only if all is well.

    + version: the release that the lab begins with
    + target: the one that it is updated to, "" for that of group_data
    """
    with session.lab_of_its_own("rehearsal", inventory, version, flavour) as lab:
        session.say_where_time_went(lab.timings)
        return _rehearse_on(lab, inventory, target)


def _rehearse_on(lab: Lab, inventory: Path, target: str) -> int:
    lab.note_contents()
    run_before = session.newest_run()
    settings = ["--data", f"target_release={target}"] if target else []
    exit_code = session.typed(lab, inventory, "deploy.py", "-y", *settings)
    run = session.newest_run()
    if run is None or run == run_before:
        run = _run_without_report()
    if exit_code == 0:  # a system that is down would not answer
        lab.note_contents()
    lab.collect_events(run / "events.jsonl")
    verdicts = judge(lab.events())
    report = session.written(run / "report.json")
    for line in [*summary(report, run), *lines(verdicts, sys.stdout.isatty())]:
        session.say(line)
    complaints = find_complaints(exit_code, report, verdicts)
    return session.concluded(complaints, run, "; to repeat it by hand: `make lab`")


def _run_without_report() -> Path:
    """A folder under runs/ for a deploy that ended before it made one."""
    run = session.RUNS.absolute() / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}-no-report"
    run.mkdir(parents=True)
    return run


def find_complaints(
    exit_code: int, report: dict[str, Any], verdicts: Sequence[Verdict]
) -> list[str]:
    """Say what is wrong with a rehearsal: one sentence each, none if all is well.

    + exit_code: of the deploy
    + verdicts: what the referee says
    """
    complaints = []
    if exit_code != 0:
        complaints.append(f"the deploy exited with {exit_code}")
    outcome = report.get("outcome")
    if outcome != UPDATED:
        complaints.append(f"its outcome is {outcome!r}, not {UPDATED!r}")
    complaints.extend(f"it refused: {refusal['message']}" for refusal in report.get("refusals", ()))
    return complaints + session.broken_rules(verdicts)


def summary(report: dict[str, Any], run: Path) -> list[str]:
    """What a rehearsal prints at its end."""
    if not report:
        return [f"the deploy left no report; events are in {run / 'events.jsonl'}"]
    window = report.get("offline_window_s")
    offline = "nothing was stopped" if window is None else f"offline for {window:.1f} s"
    return [f"DAOS {report.get('from_version')} -> {report.get('to_version')}, {offline}"]
