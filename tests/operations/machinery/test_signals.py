"""A signal at any moment, once or many times: no exit 0, no false finding, and always a report."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.lab.site import ROOT
from tests.lab.waiting import eventually, waits

from .typed_over_fakes import ended, type_it, until

ASKS = "asking"
EXAMINES, CONFIRMS = "examining", "works  @"
STORM = (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STEP, ENDS = "Starting operation: works", "--> Disconnecting from hosts"


def is_told(folder: Path, code: int, said: str, *numbers: int) -> dict[str, Any]:
    """A run that one of these signals has ended says so, and has found nothing wrong."""
    assert code - 128 in numbers, said
    report = json.loads((folder / "runs/latest/report.json").read_text())
    assert report["outcome"] == "failed"
    assert report["refusals"] == report["failures"] == []
    assert report["summary"].startswith("Interrupted")
    assert "DAOS serves" in " ".join(report["state"])
    assert report["summary"] in said
    assert "Traceback" not in said, said
    assert "Nothing will be done" not in said
    assert not (folder / "went-on").exists()
    return report


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("words", "flags", "delay"),
    [
        (EXAMINES, ["-y"], 1),
        (EXAMINES, ["--dry"], 1),
        (CONFIRMS, [], 0.01),
        (STEP, ["-y"], 0.01),
    ],
)
def test_one_signal(
    tmp_path: Path, number: int, words: str, flags: list[str], delay: float
) -> None:
    command = type_it(tmp_path, *flags, delay=delay, typed=None)
    said = until(command, words)
    if words == CONFIRMS:
        eventually(lambda: waits(command.pid))
    command.send_signal(number)
    report = is_told(tmp_path, *ended(command, said), number)
    assert ("before the first step" in report["summary"]) == (words != STEP)


# pyinfra, at whose first import of what config.py needs a signal comes.
_EARLY = """\
import os, signal, sys
class Finder:
    def find_spec(name, path, target=None):
        if name == "operations.unforeseen":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder)
sys.argv = ["pyinfra", "inventory", "deploy.py", "-y"]
from pyinfra_cli.main import main
main()
"""


def test_a_signal_while_the_programs_are_loaded(tmp_path: Path) -> None:
    """That takes longer than all the rest until nodes are asked."""
    for name in ("config.py", "deploy.py", "group_data", "operations", "inventory"):
        (tmp_path / name).symlink_to(ROOT / name)
    done = subprocess.run(
        [sys.executable, "-c", _EARLY], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 128 + signal.SIGINT, done
    assert "before any node was asked: nothing was stopped or changed" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_somebody_is_asked(tmp_path: Path, number: int) -> None:
    command = type_it(tmp_path, "-y", typed=None, asks=True)
    said = until(command, ASKS)
    eventually(lambda: waits(command.pid))
    command.send_signal(number)
    is_told(tmp_path, *ended(command, said), number)
    assert not (tmp_path / "answer").exists()


def test_who_is_asked_is_heard(tmp_path: Path) -> None:
    command = type_it(tmp_path, "-y", seconds=0, typed=" daos_server \n", asks=True)
    assert ended(command, "")[0] == 0
    assert (tmp_path / "answer").read_text() == "daos_server"


@pytest.mark.parametrize("words", [EXAMINES, STEP])
@pytest.mark.parametrize("gap", [0.001, 0.05, 0.3])
def test_many_signals(tmp_path: Path, words: str, gap: float) -> None:
    """An impatient Ctrl-C, again and again; between them what else ends a command."""
    command = type_it(tmp_path, "-y", delay=0.3)
    said = until(command, words)
    over = threading.Event()

    def storm() -> None:
        numbers = list(STORM)
        while not over.wait(gap):
            command.send_signal(numbers[0])
            numbers.append(numbers.pop(0))

    thread = threading.Thread(target=storm)
    thread.start()
    try:
        code, said = ended(command, said)
    finally:
        over.set()
        thread.join()
    is_told(tmp_path, code, said, *STORM)  # those that come at once are taken in any order


def test_a_signal_while_connecting_is_no_success(tmp_path: Path) -> None:
    command = type_it(tmp_path, "-y")
    said = until(command, "--> Loading inventory")
    command.send_signal(signal.SIGINT)
    code, said = ended(command, said)
    assert code == 130
    assert "nothing was stopped or changed" in said


def test_a_signal_after_the_last_step_is_no_success_and_hides_nothing(tmp_path: Path) -> None:
    command = type_it(tmp_path, "-y", seconds=0)
    said = until(command, ENDS)
    command.send_signal(signal.SIGTERM)
    code, said = ended(command, said)
    assert code == 128 + signal.SIGTERM, said
    assert (tmp_path / "went-on").exists()
    assert (tmp_path / "runs/latest/report.json").exists()
