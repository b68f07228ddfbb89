"""An exception that nothing has foreseen: a run that failed, and says so, with a report."""

from __future__ import annotations

import atexit
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import Host
from pyinfra.api.exceptions import DeployError, PyinfraError
from pyinfra.api.operations import run_ops
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_state

from operations.daos.node import Node
from operations.machinery import commandline
from operations.machinery.run import Run
from operations.machinery.step import Command, step, verify
from operations.reporting.report import Report

from ..fake_cluster import load

SITE = {"s1": ("servers",), "a1": ("admins",), "c1": ("clients",)}
Ends = Callable[[], tuple[int, dict[str, Any]]]


@pytest.fixture
def ends(as_the_command_does: None, monkeypatch: pytest.MonkeyPatch) -> Ends:
    """What the command does at its end; its exit code and its report."""
    reports: list[Report] = []
    monkeypatch.setattr(atexit, "register", lambda _, report: reports.append(report))

    def end() -> tuple[int, dict[str, Any]]:
        [report] = reports
        code = report.finish()
        return code, json.loads(Path("runs/latest/report.json").read_text())

    return end


def _procedure(folder: Path, *steps: str, look: str = "") -> Path:
    path = folder / "procedure.py"
    examined = f"begin(leading(UPDATE), {look}, str)" if look else "examine()"
    path.write_text(
        "from operations.examine import UPDATE, begin, examine, leading\n"
        f"from {__name__} import breaks, broken, judged, planned\n{examined}\n"
        + "".join(f'{name}(name="{name}")\n' for name in steps)
    )
    return path


def broken(current: Run) -> list[Any]:
    """An examination that meets what nobody thought of."""
    raise UnboundLocalError("part")


def _cannot_say(current: Run, name: str, node: Node) -> bool:
    raise KeyError(name)


@step("servers", need=_cannot_say)
def planned(current: Run, here: Host) -> Iterator[Command]:
    """A step that cannot say whether it is needed."""
    yield from ()


@step("servers", looks=True)
def breaks(current: Run, here: Host) -> Iterator[Command]:
    """A step that breaks when it acts."""
    raise IndexError("nothing there")
    yield


def _judges() -> str | None:
    raise TypeError("no text")


@step("servers", looks=True)
def judged(current: Run, here: Host) -> Iterator[Command]:
    """A step whose verification breaks."""
    yield verify(current, _judges)


def _is_told(code: int, report: dict[str, Any], words: str) -> None:
    assert code == 1
    assert report["outcome"] == "failed"
    [failure] = report["failures"]
    assert failure["code"] == "internal-error"
    assert words in failure["message"]
    assert "Failed" in report["summary"]
    assert "serves" not in report["summary"]


@pytest.mark.parametrize("dry", [True, False])
def test_an_examination(
    ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dry: bool
) -> None:
    monkeypatch.setitem(commandline._typed, "dry", dry)
    with pytest.raises(DeployError):
        load(SITE, dict.fromkeys(SITE, "2.0.1"), _procedure(tmp_path, look="broken"))
    code, report = ends()
    _is_told(code, report, "UnboundLocalError: part")
    assert "DAOS serves" in " ".join(report["state"])  # as a last look has found it


def test_a_plan(ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(commandline._typed, "dry", True)
    with pytest.raises(PyinfraError):
        load(SITE, dict.fromkeys(SITE, "2.0.1"), _procedure(tmp_path, "planned"))
    _is_told(*ends(), words="KeyError")


@pytest.mark.parametrize(("name", "words"), [("breaks", "IndexError"), ("judged", "TypeError")])
def test_a_step(ends: Ends, tmp_path: Path, name: str, words: str) -> None:
    state = load(SITE, dict.fromkeys(SITE, "2.0.1"), _procedure(tmp_path, name))
    state.set_stage(StateStage.Execute)
    state.is_executing = True
    with ctx_state.use(state):  # config.py has pyinfra end here, and the API alone does not
        run_ops(state)
    code, report = ends()
    _is_told(code, report, words)
    assert "DAOS serves" in " ".join(report["state"])
