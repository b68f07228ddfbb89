"""Which labs are leftovers of dead processes."""

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.lab import cleanup

OURS = cleanup.labels("lab-1", Path("/somewhere/.lab"))


def nothing_kept(directory: Path) -> None:
    return None


def test_a_lab_of_a_living_process_is_no_leftover() -> None:
    assert not cleanup.is_leftover(OURS, kept_in=nothing_kept)


def test_a_lab_of_a_dead_process_is_a_leftover() -> None:
    assert cleanup.is_leftover(OURS, start_of=lambda pid: None, kept_in=nothing_kept)


def test_a_pid_that_is_used_again_fools_nobody() -> None:
    assert cleanup.is_leftover(OURS, start_of=lambda pid: "boot/99", kept_in=nothing_kept)


def test_a_lab_that_its_directory_keeps_is_no_leftover() -> None:
    asked = []

    def kept_in(directory: Path) -> str:
        asked.append(directory)
        return "lab-1"

    assert not cleanup.is_leftover(OURS, start_of=lambda pid: None, kept_in=kept_in)
    assert asked == [Path("/somewhere/.lab")]


def test_a_lab_whose_directory_keeps_another_one_is_a_leftover() -> None:
    assert cleanup.is_leftover(OURS, start_of=lambda pid: None, kept_in=lambda d: "lab-2")


def test_a_lab_of_another_host_is_left_alone() -> None:
    marks = OURS | {cleanup.HOST: "not-" + platform.node()}
    assert not cleanup.is_leftover(marks, start_of=lambda pid: None, kept_in=nothing_kept)


def test_a_lab_that_a_living_process_guards_is_a_leftover_for_that_one_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    guard = cleanup.guard()
    marks = OURS | {cleanup.PID: "1", cleanup.START: "gone", cleanup.GUARD: guard}
    assert not cleanup.is_leftover(marks, kept_in=nothing_kept)
    monkeypatch.setenv(cleanup.GUARDED_BY, guard)
    assert cleanup.labels("lab-1", Path("/somewhere/.lab"))[cleanup.GUARD] == guard
    assert cleanup.is_leftover(marks, kept_in=nothing_kept)


def test_a_guard_that_is_dead_guards_nothing() -> None:
    marks = OURS | {cleanup.PID: "1", cleanup.START: "gone", cleanup.GUARD: "1 gone"}
    assert cleanup.is_leftover(marks, kept_in=nothing_kept)


def test_what_is_not_ours_is_left_alone() -> None:
    assert not cleanup.is_leftover({"com.example": "x"}, start_of=lambda pid: None)


def test_a_process_is_known_by_its_start() -> None:
    child = subprocess.Popen(["sleep", "60"])
    try:
        mine, its = cleanup.process_start(os.getpid()), cleanup.process_start(child.pid)
        assert mine and its and mine != its
        assert cleanup.process_start(child.pid) == its
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, but still in the table
        assert cleanup.process_start(child.pid) is None
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_end_a_process_with_its_cleaning_done(number: signal.Signals) -> None:
    script = """
from testbed.lab import cleanup
with cleanup.ending_on_signals():
    try:
        print("up", flush=True)
        input()
    finally:
        with cleanup.undisturbed():
            print("cleaned", flush=True)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    child.send_signal(number)
    assert child.communicate(timeout=20)[0] == "cleaned\n"
    assert child.returncode == 128 + number
