"""The referee's input and output: a file of events, the verdict as text, the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.__main__ import main as lab
from testbed.referee import Unreadable, judge, lines, read
from testbed.referee.__main__ import main
from testbed.referee.history import AGENT, SERVER, typed
from testbed.referee.rules import RULES

from .histories import SERVERS, Event, History

GOOD = History().update().events
BAD = History().command().stop_agents().stop_engines(force=True).events


def written(tmp_path: Path, events: list[Event]) -> str:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(event) + "\n\n" for event in events))
    return str(path)


def test_it_exits_with_0_where_no_rule_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, GOOD)
    assert main([path]) == 0
    out = capsys.readouterr().out
    assert "R4  quiet       kept            20 package changes, nothing ran\n" in out
    assert "R9  resume      not exercised   no command went on" in out
    assert "\033" not in out


def test_the_lab_s_command_line_has_it_too(tmp_path: Path) -> None:
    codes = [lab(["referee", written(tmp_path, events)]) for events in (GOOD, BAD)]
    assert codes == [0, 1]


def test_it_exits_with_1_where_one_is_and_shows_by_what(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([written(tmp_path, BAD)]) == 1
    out = capsys.readouterr().out.splitlines()
    [first] = [number for number, line in enumerate(out) if line.startswith("R3 ")]
    assert out[first] == "R3  clean stop  broken          the system was stopped by force"
    assert "server-01 daos_server system-stop: ok True, ranks" in out[first + 1]


def test_many_events_are_cut_short() -> None:
    text = lines(judge(History().command().packages(nodes=SERVERS).events))
    assert sum("rpm installed" in line or "rpm removed" in line for line in text) == 6
    assert "and 2 more events" in map(str.strip, text)


def test_colour_is_for_terminals() -> None:
    [line] = [line for line in lines(judge(BAD), colour=True) if line.startswith("R3 ")]
    assert "\033[1;31mbroken         \033[0m" in line


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"time": "yesterday"}, "its time 'yesterday' is none in UTC"),
        ({"time": "2026-03-01T08:00:00+01:00"}, "is none in UTC"),
        ({"time": None}, "its time None is none in UTC"),
        ({"host": None}, "host is missing or not of the type str"),
        ({"details": []}, "details is missing or not of the type Mapping"),
        (
            {"program": "rpm", "event": "installed", "details": {"package": "daos"}},
            "rpm installed has no version",
        ),
        (
            {"program": "daos_server", "event": "member", "details": {"rank": "0", "state": "x"}},
            "daos_server member has no rank, or one of another type",
        ),
        (
            {
                "program": "daos_server",
                "event": "storage-formatted",
                "details": {"index": 0, "containers": {}},
            },
            "daos_server storage-formatted has no witness",
        ),
        (
            {
                "program": "daos_server",
                "event": "storage-formatted",
                "details": {"index": 0, "containers": {"c1": {"pool": "u1"}}, "witness": {}},
            },
            "daos_server storage-formatted, the container c1 has no files",
        ),
    ],
)
def test_what_cannot_be_judged_is_named_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], words: str
) -> None:
    path = written(tmp_path, [GOOD[0], {**GOOD[1], **change}])
    assert main([path]) == 2
    said = capsys.readouterr().err
    assert f"{path}, line 3: " in said
    assert words in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "line 1 is no JSON"),
        ("[]", "line 1: it is no object"),
        ("\n", "holds no events"),
    ],
)
def test_files_that_hold_something_else(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(text)
    with pytest.raises(Unreadable, match=words):
        read(path)


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nothing")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_a_unit_of_any_name_that_runs_a_daemon_is_one_of_daos() -> None:
    told = {
        ("daos_agent.service", "daos_agent"): AGENT,
        ("daos_server.service", ""): SERVER,
        ("hpc-server.service", "daos_server"): SERVER,
        ("hpc-agent.service", "daos_agent"): AGENT,
        ("site.service", "true"): "",
    }
    for (unit, runs), expected in told.items():
        details = {"unit": unit, "runs": runs}
        event = {**GOOD[0], "program": "systemd", "event": "unit-starting", "details": details}
        assert [it.unit for it in typed([event])] == [expected]


def test_events_given_directly_are_checked_too() -> None:
    with pytest.raises(Unreadable, match="event 2: host is missing"):
        judge([GOOD[0], {**GOOD[1], "host": 7}])


@settings(deadline=None)
@given(st.lists(st.sampled_from(range(len(GOOD))), unique=True, min_size=1))
def test_a_history_with_holes_is_judged_all_the_same(kept: list[int]) -> None:
    assert len(judge([GOOD[number] for number in kept])) == len(RULES)
