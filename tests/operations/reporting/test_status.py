"""What `make status` says of the run in this folder."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from operations import status
from operations.reporting import alive
from operations.reporting.folder import REPORT, Folder

REPORTS = Path(__file__).parents[2] / "data" / "reports"
FAILED: dict[str, Any] = json.loads((REPORTS / "failed.json").read_text())
NOW = datetime.now(UTC)
RUNNING = {
    **FAILED,
    "outcome": "running",
    "failures": [],
    "ended": None,
    "summary": None,
    "state": [],
    "started": (NOW - timedelta(minutes=5)).isoformat(),
    "written": NOW.isoformat(),
    "command": "pyinfra inventory deploy.py -y",
    "process": alive.myself(),
    "running": {
        "step": "Update the DAOS packages on all nodes",
        "number": 12,
        "of": 17,
        "since": NOW.isoformat(),
        "done": ["daos-server-01"],
        "left": ["daos-server-02", "daos-server-03"],
    },
}


@pytest.fixture(autouse=True)
def in_a_folder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *reports: dict[str, Any], code: int = 0) -> str:
    for number, report in enumerate(reports):
        Folder(NOW + timedelta(seconds=number)).write(REPORT, json.dumps(report).encode())
    assert status.main() == code
    return capsys.readouterr().out


def test_nothing_was_typed_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no run of this folder" in said(capsys, code=1)


def test_how_far_the_run_is(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, RUNNING)
    assert "DAOS 2.0.1 -> 2.0.3: running, process" in text
    assert "Step 12 of 17: Update the DAOS packages on all nodes, since" in text
    assert "1 of 3 nodes done; left: daos-server-[02-03]" in text
    assert "Parts of DAOS are stopped: offline since 20:01:04 UTC" in text


def test_a_refusal_that_came_later_does_not_hide_it(capsys: pytest.CaptureFixture[str]) -> None:
    refused = {**RUNNING, "outcome": "refused", "ended": NOW.isoformat()}
    assert "running, process" in said(capsys, RUNNING, refused)


def test_a_run_that_was_killed_says_so_and_what_to_type(
    capsys: pytest.CaptureFixture[str],
) -> None:
    killed = {**RUNNING, "process": {**alive.myself(), "ticks": 1}}
    text = said(capsys, killed, code=1)
    assert "NOT running any more" in text
    assert "pyinfra inventory deploy.py -y" in text


def test_a_run_on_another_host(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, {**RUNNING, "process": {**alive.myself(), "host": "admin2"}})
    assert "can only be seen on admin2" in text


def test_a_run_that_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, FAILED)
    assert "DAOS 2.0.1 -> 2.0.3: failed, at 20:01:07 UTC" in text
    assert "DAOS is stopped: no engine runs" in text
