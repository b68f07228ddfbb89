"""The folder of a run, and which run runs/latest points to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from operations.reporting import alive
from operations.reporting.folder import LATEST, PAGE, REPORT, Folder, all_runs

BEGAN = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
GONE = {**alive.myself(), "ticks": 1}
ELSEWHERE = {**alive.myself(), "host": "elsewhere"}


@pytest.fixture(autouse=True)
def in_a_folder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield


def run(minutes: int, outcome: str, acted: bool | None, process: object = None) -> Folder:
    """A run that began so many minutes after the first, and got as far as its report says."""
    folder = Folder(BEGAN + timedelta(minutes=minutes))
    report = {"outcome": outcome, "process": process or alive.myself()}
    if acted is not None:
        report["acted"] = acted
    folder.write(REPORT, json.dumps(report).encode())
    if outcome != "running":
        folder.ends(bool(acted))
    return folder


def latest() -> Path:
    return Path("runs") / LATEST.readlink()


def test_the_first_run_is_the_latest_whatever_becomes_of_it() -> None:
    assert latest_after(run(0, "refused", False))


def latest_after(folder: Folder) -> bool:
    return latest() == folder.path


def test_a_refusal_does_not_hide_the_run_that_has_acted() -> None:
    updated = run(0, "updated", True)
    run(1, "refused", False)
    assert latest_after(updated)
    assert latest_after(run(2, "failed", True))


def test_of_runs_that_have_not_acted_it_is_the_newest() -> None:
    run(0, "refused", False)
    assert latest_after(run(1, "refused", False))


def test_the_run_that_is_on_is_the_latest_and_no_refusal_hides_it() -> None:
    run(0, "updated", True)
    on = run(1, "running", False)
    on.is_on()
    assert latest_after(on)
    run(2, "refused", False)
    assert latest_after(on)
    other = run(3, "running", False)
    other.is_on()
    other.ends(acted=False)
    assert latest_after(on)


def test_a_run_that_was_on_and_has_not_acted_gives_the_place_back() -> None:
    updated = run(0, "updated", True)
    on = run(1, "running", False)
    on.is_on()
    on.write(REPORT, json.dumps({"outcome": "refused", "acted": False}).encode())
    on.ends(acted=False)
    assert latest_after(updated)


def test_a_run_whose_process_is_gone_is_not_on() -> None:
    run(0, "running", False, GONE)
    assert latest_after(run(1, "refused", False))


def test_a_run_on_another_host_is_on_as_long_as_it_says_so() -> None:
    on = run(0, "running", False, ELSEWHERE)
    run(1, "refused", False)
    assert latest_after(on)
    assert latest_after(run(2, "failed", True))


def test_the_report_of_an_older_release_tells_by_its_outcome_whether_it_has_acted() -> None:
    updated = run(0, "updated", None)
    updated.ends(acted=True)
    run(1, "refused", False)
    assert latest_after(updated)


def test_a_run_that_came_to_nothing_leaves_nothing() -> None:
    folder = run(0, "running", False)
    folder.write(PAGE, b"x")
    folder.forget()
    assert not list(Path("runs").iterdir())


def test_runs_of_one_second_have_folders_in_their_order() -> None:
    made = [run(0, "refused", False).path for _ in range(11)]
    assert all_runs() == made[::-1]
