"""systemctl of a node: symlinks, answers and exit codes, without a service that runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from testbed.node import events
from testbed.node.control import Answer, execute, parse
from testbed.node.manager import Manager
from testbed.node.processes import Process, Reaper, belonging_to, parse_stat
from testbed.node.unitfiles import ADMIN, VENDOR, UnitFiles

AGENT = (
    "[Unit]\nDescription=DAOS Agent\n[Service]\nExecStart=/bin/x\n[Install]\nWantedBy=m.target\n"
)


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manager:
    """A node with the units daos_agent, which can be enabled, and lonely, which cannot."""
    vendor = tmp_path / VENDOR
    vendor.mkdir(parents=True)
    (tmp_path / ADMIN).mkdir(parents=True)
    (vendor / "daos_agent.service").write_text(AGENT)
    (vendor / "lonely.service").write_text("[Service]\nExecStart=/bin/x\n")
    monkeypatch.setattr(events, "LOG", tmp_path / "events.jsonl")
    return Manager(UnitFiles(tmp_path), Reaper())


def call(manager: Manager, line: str, uid: int = 0) -> Answer:
    return asyncio.run(execute(manager, line.split(), uid))


@pytest.mark.parametrize(
    ("line", "code", "text"),
    [
        ("is-active daos_agent", 3, "inactive\n"),
        ("is-active nope", 3, "inactive\n"),
        ("is-failed daos_agent", 1, "inactive\n"),
        ("is-enabled daos_agent", 1, "disabled\n"),
        ("is-enabled lonely", 0, "static\n"),
        ("is-enabled nope", 1, "Failed to get unit file state for nope.service: No such file"),
        ("start nope", 5, "Failed to start nope.service: Unit nope.service not found.\n"),
        ("stop nope", 5, "Failed to stop nope.service: Unit nope.service not loaded.\n"),
        ("restart nope", 5, "Failed to restart nope.service: Unit nope.service not found.\n"),
        ("stop daos_agent", 0, ""),
        ("status nope", 4, "Unit nope.service could not be found.\n"),
        ("status daos_agent", 3, "Active: inactive (dead)"),
        ("enable nope", 1, "Failed to enable unit: Unit file nope.service does not exist.\n"),
        ("disable nope", 1, "Failed to disable unit: Unit file nope.service does not exist.\n"),
        ("reload daos_agent", 3, "Job type reload is not applicable"),
        ("daemon-reload", 0, ""),
        ("dance daos_agent", 1, "Unknown operation dance.\n"),
        ("start", 1, "Too few arguments.\n"),
        ("--version", 0, "systemd 239"),
    ],
)
def test_answers_and_exit_codes(manager: Manager, line: str, code: int, text: str) -> None:
    answer = call(manager, line)
    assert answer.code == code
    assert text in answer.out + answer.err


def test_enable_and_disable(manager: Manager) -> None:
    link = f"/{ADMIN}/m.target.wants/daos_agent.service"
    made = call(manager, "enable daos_agent")
    assert made.err == f"Created symlink {link} → /{VENDOR}/daos_agent.service.\n"
    assert call(manager, "is-enabled daos_agent") == Answer("enabled\n")
    assert manager.files.enabled() == ["daos_agent.service"]
    assert call(manager, "enable daos_agent") == Answer()
    assert call(manager, "disable daos_agent").err == f"Removed {link}.\n"
    assert call(manager, "disable daos_agent") == Answer()
    assert call(manager, "is-enabled daos_agent").code == 1


def test_a_change_is_an_event(manager: Manager) -> None:
    call(manager, "enable daos_agent")
    call(manager, "enable daos_agent")
    lines = Path(events.LOG).read_text().splitlines()
    assert len(lines) == 1
    assert '"unit-enabled", "details": {"unit": "daos_agent.service", "runs": "x"}}' in lines[0]


def test_a_masked_unit_is_not_started(manager: Manager) -> None:
    assert call(manager, "mask daos_agent").code == 0
    assert call(manager, "is-enabled daos_agent") == Answer("masked\n", code=1)
    started = call(manager, "start daos_agent")
    assert started.code == 1
    assert started.err == (
        "Failed to start daos_agent.service: Unit daos_agent.service is masked.\n"
    )
    assert call(manager, "enable daos_agent").code == 1
    assert call(manager, "unmask daos_agent").code == 0
    assert call(manager, "is-enabled daos_agent").out == "disabled\n"


def test_a_unit_whose_file_is_elsewhere_is_gone_once_it_is_disabled(
    manager: Manager, tmp_path: Path
) -> None:
    file, link = tmp_path / "site.service", tmp_path / ADMIN / "site.service"
    file.write_text(AGENT)
    link.symlink_to(file)
    assert call(manager, "is-enabled site") == Answer("linked\n", code=1)
    call(manager, "enable site")
    assert call(manager, "is-enabled site").out == "enabled\n"
    assert call(manager, "disable site").err.count("Removed") == 2
    assert call(manager, "show --property LoadState site").out == "LoadState=not-found\n"
    assert file.exists()


def test_a_unit_file_that_cannot_be_understood_is_bad(manager: Manager, tmp_path: Path) -> None:
    (tmp_path / ADMIN / "odd.service").write_text("[Service]\nRestartSec=soon\nExecStart=/bin/x\n")
    shown = call(manager, "show --property LoadState,UnitFileState odd")
    assert shown.out == "LoadState=bad-setting\nUnitFileState=bad\n"


def test_show_as_the_facts_of_pyinfra_ask(manager: Manager) -> None:
    answer = call(manager, "show --all --property Id --property SubState *")
    assert answer.out == (
        "Id=daos_agent.service\nSubState=dead\n\nId=lonely.service\nSubState=dead\n"
    )
    missing = call(manager, "show --all --property Id,UnitFileState,LoadState nope.service")
    assert missing == Answer("Id=nope.service\nLoadState=not-found\nUnitFileState=\n")


def _drop_in(manager: Manager, folder: str, name: str, value: str) -> str:
    path = manager.files._root / folder / "daos_agent.service.d" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[Unit]\nDescription={value}\n")
    return f"/{folder}/daos_agent.service.d/{name}"


def test_drop_ins_add_to_a_unit_in_the_order_of_their_names(manager: Manager) -> None:
    second = _drop_in(manager, VENDOR, "20-b.conf", "of the package")
    first = _drop_in(manager, ADMIN, "10-a.conf", "of the site")
    _drop_in(manager, ADMIN, "30-c.conf.new", "half written")
    shown = call(manager, "show --property DropInPaths,Description daos_agent").out
    assert shown == f"Description=of the package\nDropInPaths={first} {second}\n"
    assert "Description=of the site\n" in call(manager, "cat daos_agent").out


def test_a_drop_in_of_the_site_stands_for_the_package_s_of_that_name(manager: Manager) -> None:
    _drop_in(manager, VENDOR, "a.conf", "of the package")
    site = _drop_in(manager, ADMIN, "a.conf", "of the site")
    line = "show --property DropInPaths,Description daos_agent"
    assert call(manager, line).out == f"Description=of the site\nDropInPaths={site}\n"
    path = manager.files._root / site.lstrip("/")
    path.unlink()
    path.symlink_to("/dev/null")
    assert call(manager, line).out == "Description=DAOS Agent\nDropInPaths=\n"


def test_a_list_of_commands_is_a_line_for_each_and_none_where_a_drop_in_takes_all_back(
    manager: Manager,
) -> None:
    folder = manager.files._root / ADMIN / "daos_agent.service.d"
    folder.mkdir()
    (folder / "a.conf").write_text("[Service]\nExecStartPre=-/bin/a 1\nExecStartPre=/bin/b\n")
    shown = call(manager, "show --property ExecStartPre,Id daos_agent").out
    first, second, last = shown.splitlines()
    assert first.startswith("ExecStartPre={ path=/bin/a ; argv[]=/bin/a 1 ; ignore_errors=yes ;")
    assert second.startswith("ExecStartPre={ path=/bin/b ; argv[]=/bin/b ; ignore_errors=no ;")
    assert last == "Id=daos_agent.service"
    (folder / "b.conf").write_text("[Service]\nExecStartPre=\n")
    assert call(manager, "show --property ExecStartPre daos_agent").out == ""


def test_what_was_never_started_has_no_time_of_its_start(manager: Manager) -> None:
    answer = call(manager, "show --property ExecMainStartTimestampMonotonic daos_agent")
    assert answer.out == "ExecMainStartTimestampMonotonic=0\n"


def test_show_answers_in_the_order_of_systemd_not_in_that_of_the_question(
    manager: Manager,
) -> None:
    """What is about services alone comes first, also where there is no such unit."""
    answer = call(manager, "show --property Id,ExecMainStartTimestampMonotonic daos_agent nope")
    assert answer.out == (
        "ExecMainStartTimestampMonotonic=0\nId=daos_agent.service\n\n"
        "ExecMainStartTimestampMonotonic=0\nId=nope.service\n"
    )


SITE = "[Unit]\n{}\n[Service]\nType=oneshot\nExecStart=/bin/x\n[Install]\nWantedBy=m.target\n"


@pytest.mark.parametrize(
    ("key", "property"),
    [
        *(("Wants", "WantedBy"), ("Requires", "RequiredBy")),
        *(("BindsTo", "BoundBy"), ("Upholds", "UpheldBy")),
    ],
)
def test_what_a_unit_that_starts_at_boot_pulls_in_starts_as_well(
    manager: Manager, key: str, property: str
) -> None:
    (manager.files._root / ADMIN / "site.service").write_text(
        SITE.format(f"{key}=lonely.service site.target")
    )
    target = manager.files._root / ADMIN / "site.target"
    target.write_text("[Unit]\nWants=daos_agent.service\n")
    shown = "show --property WantedBy,RequiredBy,BoundBy,UpheldBy lonely"
    assert call(manager, shown).out == ""
    call(manager, "enable site")
    assert call(manager, shown).out == f"{property}=site.service\n"
    assert call(manager, "show --property WantedBy daos_agent").out == "WantedBy=site.target\n"
    started = set(manager.files.at_boot())
    assert started >= {"site.service", "lonely.service", "site.target", "daos_agent.service"}
    call(manager, "disable site")
    assert "lonely.service" not in manager.files.at_boot()


def test_links_by_which_a_unit_is_started_are_told_also_those_that_disable_leaves(
    manager: Manager,
) -> None:
    call(manager, "enable daos_agent")
    link = manager.files._root / VENDOR / "site.target.requires" / "daos_agent.service"
    link.parent.mkdir()
    link.symlink_to("../daos_agent.service")
    shown = "show --property RequiredBy,WantedBy daos_agent"
    assert call(manager, shown).out == "WantedBy=m.target\nRequiredBy=site.target\n"
    call(manager, "disable daos_agent")
    assert call(manager, shown).out == "RequiredBy=site.target\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lonely.timer", "[Timer]\nOnCalendar=daily\n"),
        ("site.timer", "[Timer]\nUnit=lonely.service\n"),
        ("site.path", "[Path]\nUnit=lonely.service\n"),
        ("site.socket", "[Socket]\nService=lonely.service\n"),
    ],
)
def test_what_triggers_a_unit_once_it_is_enabled_is_told(
    manager: Manager, name: str, text: str
) -> None:
    path = manager.files._root / ADMIN / name
    path.write_text(f"{text}[Install]\nWantedBy=m.target\n")
    assert call(manager, "show --property TriggeredBy lonely").out == ""
    call(manager, f"enable {name}")
    assert call(manager, "show --property TriggeredBy lonely").out == f"TriggeredBy={name}\n"
    assert "lonely.service" not in manager.files.at_boot()


def test_only_root_changes_anything(manager: Manager) -> None:
    answer = call(manager, "stop daos_agent", uid=1000)
    assert answer.code == 1
    assert answer.err == "Failed to stop daos_agent.service: Interactive authentication required.\n"
    assert call(manager, "is-active daos_agent", uid=1000).code == 3


def test_options_may_stand_anywhere() -> None:
    parsed = parse(["-q", "is-active", "a", "--no-pager", "-n", "5", "b", "-pId", "-p", "X,Y"])
    assert (parsed.verb, parsed.names) == ("is-active", ["a", "b"])
    assert parsed.flags == {"--quiet", "--no-pager"}
    assert parsed.values["--lines"] == "5"
    assert parsed.properties == ["Id", "X", "Y"]


def test_a_line_of_the_process_table() -> None:
    assert parse_stat("7 (a ) b) S 1 7 5 0 -1") == Process(7, 1, 5)
    assert parse_stat("7 (gone) Z 1 7 5 0 -1") is None


def test_a_service_is_its_session_and_all_descendants() -> None:
    rows = [
        Process(1, 0, 1),
        Process(10, 1, 10),  # the main process
        Process(11, 10, 11),  # a child with a session of its own
        Process(12, 11, 11),
        Process(13, 1, 10),  # an orphan of the session
        Process(20, 1, 20),
    ]
    assert belonging_to(10, rows) == {10, 11, 12, 13}
    assert belonging_to(13, rows) == {13}
    assert belonging_to(99, rows) == set()
