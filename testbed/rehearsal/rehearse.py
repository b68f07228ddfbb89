"""The rehearsal: the update as `inventory` and `group_data` describe it, run on a lab."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from testbed.lab.harness import Lab, lab_nodes_from_inventory
from testbed.referee import Verdict, judge, lines

RUNS = Path("runs")
LATEST = RUNS / "latest"
UPDATED = "updated"


def rehearse(inventory: Path, version: str, flavour: str) -> int:
    """Run the update on a lab and judge it; give the exit code: 0 only if all is well."""
    nodes = lab_nodes_from_inventory(inventory, flavour)
    directory = Path(".lab") / f"rehearsal-{os.getpid()}"
    try:
        with Lab(nodes, version, directory, "rehearsal", progress=say) as lab:
            say_where_time_went(lab.timings)
            return _rehearse_on(lab, inventory)
    finally:
        forget(directory)


def _rehearse_on(lab: Lab, inventory: Path) -> int:
    lab.note_contents()
    run_before = LATEST.resolve()
    exit_code = typed(lab, inventory, "deploy.py", "-y")
    run = LATEST.resolve()
    if run == run_before or not run.is_dir():
        run = _run_without_report()
    if exit_code == 0:  # a system that is down would not answer
        lab.note_contents()
    lab.collect_events(run / "events.jsonl")
    verdicts = judge(lab.events())
    report = _report(run)
    for line in [*summary(report, run), *lines(verdicts, sys.stdout.isatty())]:
        say(line)
    complaints = find_complaints(exit_code, report, verdicts)
    for complaint in complaints:
        say(f"NOT GOOD: {complaint}")
    if complaints:
        say(f"what happened is in {run.relative_to(Path.cwd())}; to repeat it by hand: `make lab`")
        return 1
    say("the rehearsal succeeded")
    return 0


def typed(lab: Lab, inventory: Path, *arguments: str) -> int:
    """Type `pyinfra INVENTORY ARGUMENTS`, to the lab; its output goes where ours goes."""
    pyinfra = Path(sys.executable).parent / "pyinfra"
    command = [str(pyinfra), str(inventory), *arguments]
    command += ["--data", f"ssh_config_file={lab.ssh_config}"]
    say(f"pyinfra {' '.join(command[1:])}")
    lab.note("command", argv=command[1:])
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        return child.wait()
    except BaseException:
        child.terminate()
        raise
    finally:
        lab.note("command-ended", argv=command[1:], exit=child.wait())


def _run_without_report() -> Path:
    """A folder under runs/ for a deploy that ended before it made one."""
    run = RUNS.absolute() / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}-no-report"
    run.mkdir(parents=True)
    draft = RUNS / f".latest.{os.getpid()}"
    draft.symlink_to(run.name)
    draft.replace(LATEST)
    return run


def _report(run: Path) -> dict[str, Any]:
    """The deploy's report; {} if there is none that can be read."""
    try:
        report = json.loads((run / "report.json").read_text())
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


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
    broken = [verdict for verdict in verdicts if verdict.state == "broken"]
    return complaints + [
        f"{verdict.rule} is broken: {sentence}"
        for verdict in broken
        for sentence in verdict.sentences
    ]


def summary(report: dict[str, Any], run: Path) -> list[str]:
    """What a rehearsal prints at its end."""
    if not report:
        return [f"the deploy left no report; events are in {run / 'events.jsonl'}"]
    window = report.get("offline_window_s")
    offline = "nothing was stopped" if window is None else f"offline for {window:.1f} s"
    return [f"DAOS {report.get('from_version')} -> {report.get('to_version')}, {offline}"]


def say_where_time_went(timings: dict[str, float]) -> None:
    """Print how long the lab took to come up, and with what."""
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in timings.items())
    say(f"the lab is up after {sum(timings.values()):.1f} s ({parts})")


_BEGIN = time.monotonic()


def say(line: str) -> None:
    """Print a line of the lab's own, with the seconds since the start."""
    print(f"[lab {time.monotonic() - _BEGIN:5.1f} s] {line}", flush=True)


def forget(directory: Path) -> None:
    """Remove the folder of a lab that is down; the files that have to go are gone already."""
    for path in sorted(directory.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    if directory.is_dir():
        directory.rmdir()
