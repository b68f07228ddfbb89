"""After Ctrl-C connections end; what is at work then finds nothing wrong with the nodes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api import Config, Inventory, State

from operations.examine import UPDATE
from operations.machinery import interruption, step
from operations.machinery.run import Run
from operations.machinery.settings import Settings
from operations.reporting.report import Report
from operations.rules.findings import Finding

from ..fake_cluster import SETTINGS

HOST = SimpleNamespace(name="node-1", print_prefix="", executing_op_hash="step")
SILENT = Finding("no-answer", ("node-1",), "it gave no answer")


@pytest.fixture
def current() -> Any:
    """A run of one node."""
    return Run(State(Inventory((["node-1"], {})), Config()), UPDATE, Settings.read(SETTINGS)[0])


def _commands(current: Any) -> Iterator[bool]:
    """What a step finds, and what a command of it finds."""
    for command in (step.refuse(current, [SILENT]), step.verify(current, lambda: "no answer")):
        yield command.function(None, HOST)


@pytest.mark.parametrize("pressed", [True, False])
def test_what_fails_after_ctrl_c_is_no_finding(
    current: Any, pressed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interruption, "_came", signal.SIGINT * pressed)
    current.refused([SILENT])
    if pressed:
        current.crashes(OSError("gone"))
    assert list(_commands(current)) == [False, False]
    report = Report(current)
    report.steps = SimpleNamespace(last="a step", host_ends=lambda *_, **named: None)  # type: ignore[assignment]
    report.operation_host_error(None, HOST, "")  # type: ignore[arg-type]
    assert not current.crashed
    assert bool(current.refusals) == bool(current.failures) == (not pressed)
