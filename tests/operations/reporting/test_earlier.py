"""The earlier runs of the same update, as the folder of the run has them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from operations.reporting import earlier
from operations.reporting.folder import REPORT, Folder

BEGAN = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def in_a_folder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(minutes: int, outcome: str, acted: bool = True, **more: Any) -> str:
    time = BEGAN + timedelta(minutes=minutes)
    folder = Folder(time)
    report = {"outcome": outcome, "acted": acted, "to_version": "2.0.3", "hosts": {}, **more}
    report |= {"started": time.isoformat(), "ended": (time + timedelta(minutes=1)).isoformat()}
    folder.write(REPORT, json.dumps(report).encode())
    return folder.path.name


def found(began: datetime | None = None) -> list[str]:
    me = Folder(BEGAN + timedelta(hours=5)).path
    return [it["run"] for it in earlier.runs(me, "2.0.3", began).content()]


def test_those_since_the_last_one_that_was_finished_the_first_one_first() -> None:
    run(0, "failed")
    run(5, "updated")
    expected = [run(10, "failed"), run(20, "failed")]
    run(25, "refused", acted=False)
    assert found() == expected


def test_one_that_led_elsewhere_is_of_another_update() -> None:
    run(0, "failed", to_version="2.0.2")
    expected = [run(10, "failed")]
    assert found() == expected


def test_one_that_was_over_before_the_nodes_began_to_remember_is_of_another_update() -> None:
    run(0, "failed")
    expected = [run(60, "failed")]
    assert found(BEGAN + timedelta(minutes=60)) == expected


def test_a_way_back_belongs_to_the_update_that_it_leads_back_from() -> None:
    expected = [run(0, "failed", to_version="2.0.4", update_began=BEGAN.isoformat())]
    assert found(BEGAN) == expected
    assert found(BEGAN + timedelta(seconds=1)) == []


def test_one_that_was_killed_says_so() -> None:
    run(0, "running")
    [told] = earlier.runs(None, "2.0.3", None).content()
    assert told["outcome"] == "killed"


def test_what_the_first_one_said_of_a_node() -> None:
    run(0, "failed", hosts={"s1": {"version_before": "2.0.1"}})
    run(9, "failed", hosts={"s1": {"version_before": "2.0.3"}, "s2": {"version_before": "2.0.3"}})
    known = earlier.runs(None, "2.0.3", None)
    assert known.of_node("s1", "version_before") == "2.0.1"
    assert known.of_node("s2", "version_before") == "2.0.3"
    assert known.of_node("s3", "version_before") is None
