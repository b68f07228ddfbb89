"""A report that tells the truth at every moment, of the real command over fake hosts."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from operations.reporting import alive, folder
from tests.lab.site import newest_run
from tests.lab.typed import Typed
from tests.lab.waiting import eventually

from .typed_over_fakes import ended, type_it, until

EXAMINES, STEP = "examining", "Starting operation: works"


def report_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


def interrupt(command: Typed) -> None:
    command.send_signal(signal.SIGINT)
    ended(command, "")


def test_from_the_start_there_are_a_report_and_a_page_of_a_run_that_is_on(tmp_path: Path) -> None:
    command = type_it(tmp_path, "-y", delay=1)
    until(command, EXAMINES)
    run = newest_run(tmp_path)
    report = report_in(run)
    assert report["outcome"] == "running"
    assert report["running"]["step"] is None
    assert alive.state(report["process"]) == alive.ALIVE
    assert 'http-equiv="refresh"' in (run / "report.html").read_text()
    interrupt(command)
    report = report_in(run)
    assert report["outcome"] == "failed"
    assert report["running"] is None
    assert 'http-equiv="refresh"' not in (run / "report.html").read_text()


def test_the_step_is_told_and_which_nodes_are_left(tmp_path: Path) -> None:
    command = type_it(tmp_path, "-y")
    until(command, STEP)
    run = newest_run(tmp_path)
    eventually(lambda: report_in(run)["running"]["left"] == ["@fake/s1"])
    running = report_in(run)["running"]
    assert (running["step"], running["number"], running["of"]) == ("works", 1, 2)
    eventually(lambda: "Step 1 of 2: works" in (run / "report.html").read_text())
    interrupt(command)


def test_neither_a_dry_run_nor_a_refusal_hides_the_run_that_is_on(tmp_path: Path) -> None:
    command = type_it(tmp_path, "-y")
    until(command, STEP)
    run = newest_run(tmp_path)
    latest = tmp_path / folder.LATEST
    eventually(lambda: latest.resolve() == run.resolve())
    code, said = ended(again(tmp_path, "--dry"), "")
    assert code == 0, said
    assert newest_run(tmp_path) == run
    code, said = ended(again(tmp_path, "-y", "--serial"), "")
    assert code == 1
    refused = newest_run(tmp_path)
    assert refused != run
    assert f"report: runs/{refused.name}/report.json" in said
    assert "runs/latest" not in said
    assert latest.resolve() == run.resolve()
    interrupt(command)
    assert latest.resolve() == run.resolve()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_report_is_as_complete_after_each_signal(tmp_path: Path, number: int) -> None:
    command = type_it(tmp_path, "-y")
    until(command, STEP)
    run = newest_run(tmp_path)
    eventually(lambda: report_in(run)["running"]["left"] == ["@fake/s1"])
    command.send_signal(number)
    ended(command, "")
    report = report_in(run)
    assert report["outcome"] == "failed"
    assert report["ended"]
    [phase] = report["phases"]
    assert phase["seconds"]["@fake/s1"][1] is None  # it was at work
    assert [host["version_after"] for host in report["hosts"].values()] == ["2.0.3"] * 3
    assert any("DAOS serves" in line for line in report["state"])
    assert report["next"]
    assert "Interrupted" in (run / "report.html").read_text()


def test_a_second_person_is_told_how_far_it_is_and_that_it_was_killed(tmp_path: Path) -> None:
    command = type_it(tmp_path, "-y")
    until(command, STEP)
    assert "running, process" in status(tmp_path, code=0)
    assert "Step 1 of 2: works" in status(tmp_path, code=0)
    command.kill()
    ended(command, "")
    said = status(tmp_path, code=1)
    assert "NOT running any more" in said
    assert "pyinfra inventory deploy.py -y" in said


def status(folder: Path, code: int) -> str:
    """What `make status` says in a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "operations.status"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done
    return done.stdout


def fills_up(command: Typed) -> None:
    """From here on no file of it can grow, as on a disk that is full."""
    resource.prlimit(command.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


def test_a_full_disk_here_is_noticed_before_anything_is_stopped(tmp_path: Path) -> None:
    command = type_it(tmp_path, "-y", "--data", "target_release=2.0.4", delay=1)
    said = until(command, EXAMINES)
    fills_up(command)
    code, said = ended(command, said)
    assert code == 1
    assert "[no-report]: what this run does could not be written to runs/ on " in said


def test_a_disk_that_fills_up_meanwhile_is_said_once_and_no_file_is_named_that_is_not_so(
    tmp_path: Path,
) -> None:
    command = type_it(tmp_path, "-y", delay=0.2)
    said = until(command, STEP)
    fills_up(command)
    command.send_signal(signal.SIGINT)
    code, said = ended(command, said)
    assert code == 130, said
    assert said.count("File too large") == 1
    assert "report: " not in said
    assert "no report could be written to its end" in said
    left = {path.name for path in newest_run(tmp_path).iterdir()}
    assert not [name for name in left if "tmp" in name]


def test_who_is_killed_while_looking_once_more_has_said_how_it_ended(tmp_path: Path) -> None:
    command = type_it(tmp_path, "-y", delay=1.5)
    until(command, STEP)
    run = newest_run(tmp_path)
    eventually(lambda: report_in(run)["running"]["left"] == ["@fake/s1"])
    command.send_signal(signal.SIGTERM)
    until(command, "Interrupted at the step 'works'")
    command.kill()
    ended(command, "")
    report = report_in(run)
    assert report["outcome"] == "failed"
    assert report["summary"].startswith("Interrupted at the step 'works'")
    assert report["phases"][0]["seconds"]["@fake/s1"][1] is None


def again(folder: Path, *flags: str) -> Typed:
    """Another command in the same folder, where all is linked already."""
    environment = {"PYINFRA_PROGRESS": "off", "PATH": "/usr/bin:/bin"}
    return Typed(["inventory", "deploy.py", *flags, "-v"], folder, environment)


def test_a_run_that_is_killed_is_not_taken_for_one_that_is_on(tmp_path: Path) -> None:
    command = type_it(tmp_path, "-y")
    until(command, STEP)
    command.kill()
    ended(command, "")
    assert not folder.is_on(report_in(newest_run(tmp_path)))
