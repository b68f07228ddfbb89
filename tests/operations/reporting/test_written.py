"""How a report is written: the same as any JSON, in lines that a person finds things in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.reporting.files import Files, in_lines
from operations.reporting.folder import PAGE, REPORT

from .made_reports import FAILED, UPDATED

PLAIN = st.none() | st.booleans() | st.integers() | st.text()
VALUES = st.recursive(PLAIN, lambda it: st.lists(it) | st.dictionaries(st.text(), it))


@given(st.dictionaries(st.text(), VALUES))
def test_it_is_the_same_report(content: dict[str, Any]) -> None:
    assert json.loads(in_lines(content)) == content


def test_each_node_and_each_step_has_a_line_of_its_own() -> None:
    lines = in_lines(UPDATED).splitlines()
    for name, host in UPDATED["hosts"].items():
        assert f'    "{name}": {json.dumps(host)}' in [line.rstrip(",") for line in lines]
    for step in UPDATED["phases"]:
        assert f"    {json.dumps(step)}" in [line.rstrip(",") for line in lines]
    assert '  "outcome": "updated",' in lines


def test_the_page_follows_the_report_in_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("operations.reporting.files._PAGE", 0.3)
    content = {**UPDATED, "outcome": "running", "ended": None}
    files = Files(datetime.now(UTC), lambda: content, lambda path: None)
    files.write()
    assert files.folder
    report, page = files.folder / REPORT, files.folder / PAGE
    first = page.read_text()
    assert 'http-equiv="refresh"' in first
    content |= {"to_version": "2.0.9"}
    files.write()
    assert json.loads(report.read_text())["to_version"] == "2.0.9"
    assert page.read_text() == first
    with gevent.Timeout(60):
        while page.read_text() == first:
            gevent.sleep(0.01)
    assert "2.0.9" in page.read_text()


def test_a_run_that_ends_has_a_page_of_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = {**FAILED, "outcome": "running"}
    files = Files(datetime.now(UTC), lambda: content, lambda path: None)
    files.write()
    content["outcome"] = "failed"
    files.write()
    files.end(acted=True)
    assert files.folder
    page = (files.folder / PAGE).read_text()
    assert 'http-equiv="refresh"' not in page
    gevent.sleep(0)
    assert (files.folder / PAGE).read_text() == page
