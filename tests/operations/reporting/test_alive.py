"""Whether the process of a run is there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from operations.reporting import alive


def test_this_process_is_there() -> None:
    assert alive.state(alive.myself()) == alive.ALIVE


@pytest.mark.parametrize("changed", [{"ticks": 1}, {"boot": "another"}, {"pid": 2**22 + 1}])
def test_another_process_of_the_same_id_is_not_it(changed: dict[str, object]) -> None:
    assert alive.state({**alive.myself(), **changed}) == alive.DEAD


def test_of_another_host_nothing_is_known() -> None:
    assert alive.state({**alive.myself(), "host": "elsewhere"}) == alive.ELSEWHERE


def test_one_that_has_ended_and_is_not_waited_for_is_gone() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    ticks = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
    gone = {**alive.myself(), "pid": child.pid, "ticks": int(ticks)}
    assert alive.state(gone) == alive.DEAD
    child.wait()


def test_a_report_that_says_nothing_of_its_process_is_of_none() -> None:
    assert alive.state({}) == alive.DEAD
