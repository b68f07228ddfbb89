"""How far a run is: drawn anew at a terminal, elsewhere a line now and then."""

from __future__ import annotations

import os
import subprocess
import sys

import gevent
import pytest

from operations.machinery import progress
from operations.machinery.progress import Progress

from ..fake_cluster import ROOT


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.delenv("PYINFRA_PROGRESS", raising=False)
    monkeypatch.setattr(progress, "say", lines.append)
    monkeypatch.setattr(progress, "_LOOK", 0.001)
    return lines


def wait_for(lines: list[str], count: int) -> None:
    with gevent.Timeout(30):
        while len(lines) < count:
            gevent.sleep(0.001)


def test_where_lines_stay_there_are_fewer_and_fewer(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_FIRST", 0.01)
    line = Progress()
    begun = []
    line.begins(lambda: begun.append(1) or "3 of 384 nodes")  # type: ignore[func-returns-value]
    line.detail = "7 of 8 engines joined"
    wait_for(said, 3)
    assert set(said) == {"3 of 384 nodes, 0 s, 7 of 8 engines joined"}
    assert line._due == pytest.approx(0.08)
    line.ends()
    told = len(begun)
    gevent.sleep(0.01)
    assert len(begun) == told
    assert line.text() == ""


def test_a_step_that_is_over_soon_says_nothing(said: list[str]) -> None:
    line = Progress()
    with line.telling("connecting to 384 nodes"):
        gevent.sleep(0.01)
        assert line.text() == "connecting to 384 nodes, 0 s"
    assert said == []


def test_who_is_asked_something_sees_the_question(said: list[str]) -> None:
    line = Progress()
    line.begins(lambda: "looking at all nodes")
    with line.paused():
        assert line.text() == ""
    assert line.text().startswith("looking at all nodes")
    line.ends()


def test_it_can_be_switched_off(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYINFRA_PROGRESS", "off")
    line = Progress()
    line.begins(lambda: "looking")
    assert line.text() == ""


_AT_A_TERMINAL = """
import gevent
from operations.machinery import progress
progress._TURN = 0.01
shown = progress.shown
shown.begins(lambda: "step 3: 5 of 384 nodes" + " x" * 300)
gevent.sleep(0.1)
shown.clear()
print("a line that stays")
shown.begins(lambda: "4 engines")
gevent.sleep(0.1)
shown.ends()
"""


def test_at_a_terminal_one_line_is_drawn_anew_and_makes_room() -> None:
    ours, theirs = os.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYINFRA_PROGRESS", None)
    subprocess.run(
        [sys.executable, "-c", _AT_A_TERMINAL], stdout=theirs, env=environment, check=True
    )
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    drawn, _, rest = shown.partition("a line that stays")
    assert drawn.endswith("\r\033[K")
    lines = [line for line in drawn.replace("\033[K", "").split("\r") if line]
    assert len(lines) > 1
    assert {line[:22] for line in lines} == {"step 3: 5 of 384 nodes"}
    assert "\n" not in drawn
    assert "4 engines, 0 s" in rest
    assert rest.endswith("\r\033[K")
