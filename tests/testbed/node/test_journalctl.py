"""journalctl of a node."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from testbed.node import journalctl


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "daos_server.service.log").write_text("one\ntwo\nthree\n")
    monkeypatch.setattr(journalctl, "LOGS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "line", ["-u daos_server -n 2 -o cat --no-pager", "--unit=daos_server.service -n2 --output=cat"]
)
def test_the_last_lines_of_a_unit(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert journalctl.main(line.split()) == 0
    assert capsys.readouterr().out == "two\nthree\n"


def test_host_and_unit_precede_each_line(capsys: pytest.CaptureFixture[str]) -> None:
    journalctl.main(["-n", "1", "--since", "today"])
    assert capsys.readouterr().out == f"{os.uname().nodename} daos_server: three\n"


def test_a_unit_that_wrote_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert journalctl.main(["-u", "nope"]) == 0
    assert capsys.readouterr().out == "-- No entries --\n"
