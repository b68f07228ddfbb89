"""Unit files: what the service manager of a node reads out of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.node.unit import (
    Command,
    parse_command,
    parse_duration,
    parse_sections,
    parse_unit,
    unit_name,
    wants_restart,
)

SHIPPED = Path(__file__).parents[3] / "testbed" / "packages" / "files"


def test_sections_keep_repeated_keys_and_skip_comments() -> None:
    text = "# c\n; c\n[Service]\nExecStartPre=/bin/a\nExecStartPre = /bin/b\nnonsense\n[Install]\n"
    assert parse_sections(text) == {
        "Service": {"ExecStartPre": ["/bin/a", "/bin/b"]},
        "Install": {},
    }


def test_an_empty_value_takes_back_the_earlier_ones() -> None:
    assert parse_sections("[S]\nK=a\nK=\nK=b\n") == {"S": {"K": ["b"]}}


def test_a_drop_in_adds_to_lists_and_an_empty_value_in_it_takes_back_the_file_s() -> None:
    file = "[Service]\nExecStartPre=/bin/a\nExecStart=/bin/x\nUser=bob\n"
    more = {
        "/x.d/1.conf": "Description=in no section\n[Service]\nExecStartPre=-/bin/b\n"
        "ExecStopPost=/bin/c\n",
        "/x.d/2.conf": "[Service]\nExecStart=\nExecStart=/bin/y\nUser=carol\n",
    }
    unit = parse_unit("x.service", "/x", file, more)
    assert unit.exec_start_pre == (Command(("/bin/a",)), Command(("/bin/b",), may_fail=True))
    assert unit.exec_stop_post == (Command(("/bin/c",)),)
    assert unit.exec_start == (Command(("/bin/y",)),)
    assert (unit.user, unit.description) == ("carol", "x.service")
    assert unit.drop_ins == tuple(more)


def test_a_backslash_continues_a_line() -> None:
    assert parse_sections("[S]\nK=a \\\n  b\n")["S"]["K"][0].split() == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10", 10),
        ("42s", 42),
        ("1min 30s", 90),
        ("500ms", 0.5),
        ("2h", 7200),
        ("infinity", float("inf")),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "10 parsecs", "-1"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no time span"):
        parse_duration(text)


@given(st.integers(0, 10_000), st.integers(0, 59))
def test_minutes_and_seconds_add_up(minutes: int, seconds: int) -> None:
    assert parse_duration(f"{minutes}min {seconds}s") == 60 * minutes + seconds


def test_command_prefixes() -> None:
    assert parse_command("/bin/sh -c 'a b'") == Command(("/bin/sh", "-c", "a b"))
    assert parse_command("-/bin/false") == Command(("/bin/false",), may_fail=True)
    assert parse_command("+/bin/true") == Command(("/bin/true",), as_root=True)


def test_a_percent_sign_is_written_twice() -> None:
    line = "/bin/rpm --qf '%%{NAME}\\n' daos"
    assert parse_command(line).argv == ("/bin/rpm", "--qf", "%{NAME}\\n", "daos")


def test_a_command_without_a_program_is_refused() -> None:
    with pytest.raises(ValueError, match="no program"):
        parse_command("-")


def test_defaults_are_those_of_systemd() -> None:
    unit = parse_unit("x.service", "/x", "[Service]\nExecStart=/bin/x\n")
    assert (unit.type, unit.user, unit.restart, unit.kill_mode) == (
        "simple",
        "root",
        "no",
        "control-group",
    )
    assert (unit.restart_sec, unit.timeout_start, unit.timeout_stop) == (0.1, 90.0, 90.0)
    assert unit.description == "x.service"
    assert unit.wanted_by == ()


@pytest.mark.parametrize(
    ("name", "kind", "restart"),
    [("daos_server", "simple", "on-failure"), ("daos_agent", "notify", "always")],
)
def test_the_units_of_the_packages(name: str, kind: str, restart: str) -> None:
    text = (SHIPPED / f"{name}.service").read_text()
    unit = parse_unit(f"{name}.service", "/x", text)
    assert (unit.type, unit.restart, unit.restart_sec) == (kind, restart, 10.0)
    assert (unit.user, unit.group, unit.runtime_directory) == (name, name, (name,))
    assert unit.exec_start[0].argv[0] == f"/usr/bin/{name}"
    assert unit.wanted_by == ("multi-user.target",)


@pytest.mark.parametrize(
    ("policy", "success", "again"),
    [
        ("no", False, False),
        ("on-failure", False, True),
        ("on-failure", True, False),
        ("on-success", True, True),
        ("always", True, True),
        ("always", False, True),
    ],
)
def test_restart_policies(policy: str, success: bool, again: bool) -> None:
    assert wants_restart(policy, success) is again


def test_bare_names_mean_services() -> None:
    assert unit_name("daos_agent") == "daos_agent.service"
    assert unit_name("multi-user.target") == "multi-user.target"
