"""A signal at any moment, once or many times: no exit 0, no false finding, and always a report."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.lab.typed import Typed
from tests.lab.waiting import eventually, waits

from ..fake_cluster import ROOT, members, node_answer

SITE = {"s1": ("servers",), "a1": ("admins",), "c1": ("clients",)}
ASKS = "asking"
EXAMINES, CONFIRMS = "examining", "Detected changes displayed above"
STORM = (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STEP, ENDS = "Starting operation: works", "--> Disconnecting from hosts"

PROCEDURE = """
import gevent
from operations import report
from operations.examine import UPDATE, _of_the_nodes, begin, leading, summary
from operations.machinery.prompt import ask
from operations.machinery.step import step, verify

@step("servers", looks=True)
def works(current, here):
    yield verify(current, lambda: gevent.sleep({seconds}))
    yield verify(current, lambda: open("went-on", "w").write("x") and None)

def look(current):
    print("examining", flush=True)
    found = _of_the_nodes(current)
    if {asks}:
        print("asking", flush=True)
        answer = ask("Type a name: ")
        open("answer", "w").write(answer)
    return found

begin(leading(UPDATE), look, summary)
works(name="works")
report.completed(name="Look at all nodes once more")
"""


def type_it(
    folder: Path,
    *flags: str,
    seconds: float = 60,
    delay: float = 0.01,
    typed: str | None = "",
    asks: bool = False,
) -> Typed:
    """Type a procedure with one step over a fake cluster, whose nodes take a while to answer."""
    for name in ("config.py", "operations", "group_data"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "deploy.py").write_text(PROCEDURE.format(seconds=seconds, asks=asks))
    groups = {role: [_node(name, delay)] for name, (role,) in SITE.items()}
    (folder / "inventory").write_text("\n".join(f"{k} = {v!r}" for k, v in groups.items()))
    environment = {**os.environ, "PYINFRA_PROGRESS": "off"}
    return Typed(["inventory", "deploy.py", *flags], folder, environment, typed)


def _node(name: str, delay: float) -> tuple[str, dict[str, Any]]:
    answers = {
        "== packages": node_answer(name, "2.0.3", SITE[name]),
        "dmg -j system query": members(["s1"]),
        "dmg -j pool list": '{"response": {"status": 0, "pools": []}, "error": null, "status": 0}',
    }
    return f"@fake/{name}", {"fake_delay": delay, "fake_responses": answers}


def until(command: Typed, words: str) -> str:
    """What it prints up to the first line with these words."""
    said = ""
    for line in command.stdout:
        said += line
        if words in line:
            return said
    raise AssertionError(f"it ended without {words!r}:\n{said}")


def ended(command: Typed, said: str) -> tuple[int, str]:
    said += command.read(timeout=60)
    return command.wait(), said


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
    [(EXAMINES, ["-y"], 1), (EXAMINES, ["--dry"], 1), (CONFIRMS, [], 0.01), (STEP, ["-y"], 0.01)],
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
