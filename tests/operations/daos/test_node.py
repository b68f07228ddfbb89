"""The answer of one node: read whole, or not taken at all."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.daos.node import AGENT, SERVER, Listener, parse
from operations.daos.releases import Version
from operations.daos.start_trace import HEADER
from operations.daos.units import USUAL, Units
from operations.daos.window_file import FOLDER, STARTS, Record, save

from .. import fake_nodes


def _status(pid: int, name: str, uid: int, parent: int = 1, state: str = "S") -> list[str]:
    """What /proc says of a process."""
    of = {
        "Name": name,
        "State": f"{state} (x)",
        "PPid": parent,
        "Uid": f"{uid}\t{uid}\t{uid}\t{uid}",
    }
    return [f"/proc/{pid}/status:{key}:\t{value}" for key, value in of.items()]


STATUS = "\n".join(
    line
    for process in (
        (300, "daos_server", 993),
        (311, "daos_engine", 993, 300),
        (312, "daos_engine", 993, 300),
        (313, "daos_engine", 993, 300, "Z"),
        (812, "ior", 1001),
        (900, "my program", 1002),
        (901, "dfuse", 1003),
        (902, "dfuse", 1004),
        (950, "dnf", 0),
        (951, "rpm", 0),
    )
    for line in _status(*process)
)
ANSWER = rf"""
== hostname
daos-server-01.example
== boot
b0071d
== addresses
10.0.0.1 10.0.0.2
== os
rhel 8.5
== packages
daos 2.0.1-1.el8 daos-2.0.1-1.el8.src.rpm RSA/SHA256, 1 Mar, Key ID 24c6a8a7f4a80eb5
daos-client 2.0.1-1.el8 daos-2.0.1-1.el8.src.rpm
daos-exporter 0.4-1 daos-exporter-0.4-1.src.rpm
daos-server 2.0.1-1.el8 daos-2.0.1-1.el8.src.rpm
== services
MainPID=300
ControlGroup=/system.slice/daos_server.service
ExecMainStartTimestampMonotonic=500000000
ExecStartPre={{ path=/bin/true ; argv[]=/bin/true --site=a ; ignore_errors=no ; pid=0 }}
ExecStartPre={{ path=/bin/sh ; argv[]=/bin/sh -c dd of={STARTS} oflag=append ; ignore_errors=yes }}
ExecStopPost={{ path=/bin/sh ; argv[]=/bin/sh -c dd of={STARTS} oflag=append ; ignore_errors=yes }}
User=daos_server
ExecStart={{ path=/usr/bin/daos_server ; argv[]=/usr/bin/daos_server start ; ignore_errors=no }}
Id=daos_server.service
Names=daos_server.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled

MainPID=0
ControlGroup=
ExecMainStartTimestampMonotonic=0
Id=daos_agent.service
Names=daos_agent.service
LoadState=loaded
ActiveState=inactive
UnitFileState=disabled
== links
== record
== starts
{HEADER}
2.0.1
2.0.3
== access
daos_server 993 644
== held
1700000000
1700000090
== resets
== lock
== processes
daemon 300
daemon 311
daemon 312
daemon 313
dfuse 901
dfuse 902
manager 950
manager 951
uses 300
uses 812
uses 900
uses 901
uses 902
lrwxrwxrwx 1 1001 1001 0  "/proc/812/exe" -> "/home/bob/ior"
-rwxr-xr-x 1 1001 1001 88216  "/proc/812/exe"
/proc/901/cmdline:dfuse --mountpoint=/mnt/home --pool tank --container home
/proc/902/cmdline:dfuse -m /mnt/home2 tank home
/proc/950/cmdline:/usr/libexec/platform-python -s /usr/bin/dnf -y update
/proc/951/cmdline:rpm -qa
== status
{STATUS}
== cgroups
/proc/1/cgroup:0::/init.scope
/proc/300/cgroup:0::/system.slice/daos_server.service
/proc/311/cgroup:0::/system.slice/daos_server.service
/proc/312/cgroup:0::/system.slice/daos_server.service
== others
== names
daos_server:x:993:990::/:/sbin/nologin
bob:x:1001:1001::/home/bob:/bin/bash
carol:x:1002:1002::/home/carol:/bin/bash
dave:x:1003:1003::/home/dave:/bin/bash
erin:x:1004:1004::/home/erin:/bin/bash
== mounts
tmpfs /mnt/daos0
fuse.daos /mnt/my\x20data
== space
   Avail Mounted on
10485760 /
2048 /var/cache
10485760 /
== read-only
== rpmnew
/etc/daos/daos_server.yml.rpmnew
== end
""".strip().splitlines()


def test_a_node_is_read() -> None:
    node = parse(ANSWER)
    assert node.hostname == "daos-server-01"
    assert node.itself == ("daos-server-01.example", "b0071d", "10.0.0.1", "10.0.0.2")
    assert node.version == Version(2, 0, 1)
    assert node.os == "rhel 8.5"
    assert node.runs(SERVER)
    assert not node.runs(AGENT)
    assert node.services[SERVER].enabled
    assert not node.services[AGENT].enabled
    assert node.services[SERVER].started == 500
    assert node.services[AGENT].started == 0
    assert node.services[SERVER].command == ("/usr/bin/daos_server", "start")
    assert node.services[AGENT].command == ()
    assert node.starts == ("2.0.1", "2.0.3")
    assert node.held_for == 90
    assert node.addresses == ("10.0.0.1", "10.0.0.2")
    assert node.engines == (311, 312)
    assert (node.mounts, node.memory) == (("/mnt/my data",), ("/mnt/daos0",))
    assert node.signers["daos"] == ("24c6a8a7f4a80eb5",)
    assert node.signers["daos-server"] == ("",)
    assert node.rpmnew == ("/etc/daos/daos_server.yml.rpmnew",)


def _with(part: str, *lines: str) -> list[str]:
    """The answer with more lines in one of its parts."""
    at = ANSWER.index(f"== {part}") + 1
    return [*ANSWER[:at], *lines, *ANSWER[at:]]


def _with_daemon(
    command: str, cgroup: str, parent: int = 1, state: str = "S", uid: int = 994, *more: str
) -> list[str]:
    """The answer of a node on which process 400 is called like a daemon as well.

    + more: what else is said of it
    """
    lines = _with("processes", "daemon 400", *more)
    for part, said in (
        ("status", _status(400, command, uid, parent, state)),
        ("cgroups", [f"/proc/400/cgroup:{cgroup}"]),
        ("names", ["daos_agent:x:994:994::/:/sbin/nologin"]),
    ):
        at = lines.index(f"== {part}") + 1
        lines[at:at] = said
    return lines


STRAYS = {
    "typed on a terminal": "0::/user.slice/user-0.slice/session-3.scope",
    "a site's own unit": "0::/system.slice/site-agent.service",
    "a user's unit of the same name": "0::/user.slice/user@7.service/daos_agent.service",
    "in a container": "0::/machine.slice/libpod-1a2b.scope",
    "where systemd makes no groups": "0::/init.scope",
}


@pytest.mark.parametrize("command", ["daos_server", "daos_agent", "daos_engine", "daos_io_server"])
@pytest.mark.parametrize("cgroup", STRAYS.values(), ids=STRAYS)
def test_a_daemon_that_its_unit_has_not_started_is_a_stray(command: str, cgroup: str) -> None:
    [stray] = parse(_with_daemon(command, cgroup)).strays
    assert (stray.pid, stray.user, stray.command) == (400, "daos_agent", command)
    assert stray.cgroup == ("" if "init" in cgroup else cgroup.removeprefix("0::"))
    assert parse(ANSWER).strays == ()


def test_daemons_in_the_group_of_their_unit_are_its_own_also_while_it_comes_and_goes() -> None:
    own = "0::/system.slice/daos_agent.service"  # inactive, as systemd has just said
    assert parse(_with_daemon("daos_agent", own)).strays == ()
    named = [line.replace(":0::", ":1:name=systemd:") for line in _with_daemon("daos_agent", own)]
    assert parse(named).strays == ()
    at = named.index("== cgroups") + 1
    assert (
        parse(
            [*named[:at], *(f"/proc/{pid}/cgroup:0::/" for pid in (1, 300, 400)), *named[at:]]
        ).strays
        == ()
    )


def test_where_no_group_tells_what_descends_from_the_main_process_is_the_unit_s_own() -> None:
    told = [line for line in ANSWER if "/cgroup:" not in line]
    lines = [line for line in told if not line.startswith("ControlGroup")]
    at = lines.index("/proc/312/status:PPid:\t300")
    lines[at] = "/proc/312/status:PPid:\t1"
    assert [stray.pid for stray in parse(lines).strays] == [312]


@pytest.mark.parametrize("state", ["Z", "X"])
def test_a_dead_process_is_no_daemon_and_no_user(state: str) -> None:
    node = parse(_with_daemon("daos_engine", "0::/user.slice", state=state))
    assert (node.strays, node.engines) == ((), (311, 312))
    lines = [*_with("processes", "uses 960", "dfuse 960", "manager 960")]
    at = lines.index("== status") + 1
    dead = parse([*lines[:at], *_status(960, "dfuse", 1001, state=state), *lines[at:]])
    assert dead == parse(ANSWER)


def test_a_stray_is_told_with_pid_user_and_group() -> None:
    [stray] = parse(_with_daemon("daos_agent", "0::/system.slice/site.service")).strays
    assert str(stray) == (
        "daos_agent (pid 400, user daos_agent, uid 994, cgroup /system.slice/site.service)"
    )


def test_a_start_leaves_a_trace_where_the_unit_that_is_loaded_can_write_to_it() -> None:
    assert parse(ANSWER).traced
    assert not parse([line for line in ANSWER if STARTS not in line]).traced
    assert not parse([line for line in ANSWER if line != "daos_server 993 644"]).traced
    for damaged in ("empty", "unreadable"):
        node = parse([line.replace(HEADER, damaged) for line in ANSWER])
        assert (node.traced, node.starts) == (False, ())


def test_a_start_is_unseen_without_a_trace_unless_the_daemon_runs_as_it_did_before() -> None:
    at = ANSWER.index("== starts")
    node = parse([*ANSWER[:at], replace(RECORD, release="2.0.1").text(), *ANSWER[at:]])
    assert not node.unseen
    assert not replace(node, traced=False).unseen
    idle = {**node.services, SERVER: replace(node.services[SERVER], running=False)}
    assert replace(node, traced=False, services=idle).unseen
    assert not replace(node, traced=False, services=idle, record=None).unseen
    assert replace(node, traced=False, record=replace(RECORD, release="2.0.0")).unseen


@pytest.mark.parametrize(
    ("load", "file", "state"),
    [
        ("loaded", "enabled", "enabled"),
        ("loaded", "enabled-runtime", "enabled-runtime"),
        ("masked", "masked", "masked"),
        ("masked", "", "masked"),
        ("loaded", "masked", "masked"),  # as long as nobody has had systemd read it again
        ("not-found", "", "not-found"),
        ("error", "bad", "bad"),
        ("bad-setting", "enabled", "bad"),
        ("loaded", "invalid", "bad"),
        ("merged", "", "alias"),
        ("of-tomorrow", "enabled", "of-tomorrow"),
        ("loaded", "of-tomorrow", "of-tomorrow"),
    ],
)
def test_what_systemd_says_of_a_unit_is_one_word(load: str, file: str, state: str) -> None:
    lines = [
        line.replace("UnitFileState=disabled", f"UnitFileState={file}").replace(
            "LoadState=loaded", f"LoadState={load}"
        )
        for line in ANSWER
    ]
    agent = parse(lines).services[AGENT]
    assert agent.state == state
    assert agent.enabled == (state == "enabled")


def test_an_enabled_unit_that_is_a_link_is_told_from_one_that_is_none() -> None:
    assert parse(_with("links", SERVER, AGENT)).services[SERVER].state == "enabled, linked"
    assert parse(_with("links", SERVER, AGENT)).services[AGENT].state == "disabled"


def test_what_starts_a_unit_besides_its_own_links_is_told() -> None:
    own = "/etc/systemd/system/multi-user.target.wants"
    lines = [
        line.replace("Id=daos_server", "WantedBy=multi-user.target\nId=daos_server")
        .replace("Id=daos_agent", "TriggeredBy=site.timer\nId=daos_agent")
        .split("\n")
        for line in _with("links", f"{own}/{SERVER}")
    ]
    node = parse([word for line in lines for word in line])
    assert node.services[SERVER].pullers == ()
    assert node.services[AGENT].pullers == ("site.timer",)
    assert list(node.pulled) == [AGENT]
    masked = [word.replace("=loaded", "=masked") for line in lines for word in line]
    assert parse(masked).pulled == {}


def test_a_unit_that_is_another_s_name_is_known_by_its_own() -> None:
    """systemd answers with the name of the other, which is what runs."""
    both = {
        "Id=daos_server.service": "Id=site.service",
        "Names=daos_server.service": "Names=site.service daos_server.service",
    }
    server = parse([both.get(line, line) for line in ANSWER]).services[SERVER]
    assert (server.state, server.running) == ("alias", True)


NAMES = Units("hpc-daos-server.service", "daos_agent@ib0.service")


def _renamed(*more: str) -> list[str]:
    """The answer of a node whose units have names of the site's, with more lines of systemd's."""
    lines = [line.replace(SERVER, NAMES.server).replace(AGENT, NAMES.agent) for line in ANSWER]
    at = lines.index("== links")
    own = [line for unit in (SERVER, AGENT) for line in ("MainPID=0", f"Id={unit}")]
    return [*lines[:at], *own, *more, *lines[at:]]


def test_units_of_the_site_s_own_names_stand_for_daos_s() -> None:
    node = parse(_renamed(), NAMES)
    assert node.services == {
        unit: replace(service, cgroup=service.cgroup.replace(SERVER, NAMES.server))
        for unit, service in parse(ANSWER).services.items()
    }
    assert (node.strays, node.units, set(node.beside)) == ((), NAMES, {SERVER, AGENT})
    assert replace(node, units=Units(), beside={}, services={}, daemons=()) == replace(
        parse(ANSWER), services={}, daemons=()
    )


def test_a_daemon_of_daos_s_own_unit_is_a_stray_where_the_site_s_has_to_run_it() -> None:
    lines = _renamed("== processes", "daemon 400", "== status", *_status(400, "daos_agent", 0))
    at = lines.index("== cgroups") + 1
    lines.insert(at, f"/proc/400/cgroup:0::/system.slice/{AGENT}")
    [stray] = parse(lines, NAMES).strays
    assert (stray.other, stray.ended_by) == (AGENT, f"systemctl disable --now {AGENT}")


def test_daos_s_own_unit_that_starts_at_boot_beside_the_site_s_is_told() -> None:
    assert parse(_renamed(), NAMES).pulled == {}
    [(unit, why)] = parse(_renamed("UnitFileState=enabled"), NAMES).pulled.items()
    assert unit == AGENT
    assert NAMES.agent in why
    assert f"`systemctl disable {AGENT}`" in why
    assert list(parse(_renamed("UnitFileState=static", "WantedBy=site.target"), NAMES).pulled) == [
        AGENT
    ]


def test_a_unit_may_have_several_commands() -> None:
    lines = _with("services", "ExecStart={ path=/bin/true ; argv[]=/bin/true ; ignore_errors=no }")
    assert parse(lines).services == parse(ANSWER).services


def test_users_are_mounts_and_applications_not_the_daemons_of_daos() -> None:
    assert parse(ANSWER).users == [
        "dfuse mounted at /mnt/my data",
        # these two have their mounts in a namespace of their own, as in a container
        "dfuse --mountpoint=/mnt/home --pool tank --container home "
        "(pid 901, user dave, uid 1003), "
        "mounted where it cannot be seen",
        "dfuse -m /mnt/home2 tank home (pid 902, user erin, uid 1004), "
        "mounted where it cannot be seen",
        "ior (pid 812, user bob, uid 1001, /home/bob/ior)",
        "my program (pid 900, user carol, uid 1002)",
    ]


V1 = "4:freezer:/slurm/uid_1001/job_4711/step_0/task_0"
JOBS = {
    "v1": (V1, "4711"),
    "v1, several on a host": ("9:memory:/slurm_c1/uid_1001/job_7/step_extern", "7"),
    "v2": ("0::/system.slice/slurmstepd.scope/job_4711/step_0/user/task_0", "4711"),
    "v2, several on a host": ("0::/system.slice/c1_slurmstepd.scope/job_7/step_batch/user", "7"),
    "since 26.05": (
        "0::/system.slice/slurmstepd.scope/s5K1KKYAYG5D00/step_0/user/task_0",
        "s5K1KKYAYG5D00",
    ),
}


@pytest.mark.parametrize(("cgroup", "job"), JOBS.values(), ids=JOBS)
def test_the_job_of_slurm_is_named_beside_a_process_that_uses_daos(cgroup: str, job: str) -> None:
    lines = _with("cgroups", "/proc/812/cgroup:1:name=systemd:/", f"/proc/812/cgroup:{cgroup}")
    assert f"ior (pid 812, user bob, uid 1001, Slurm job {job}, /home/bob/ior)" in (
        parse(lines).users
    )


@pytest.mark.parametrize(
    "cgroup",
    [
        "0::/user.slice/user-1001.slice/user@1001.service/slurmstepd.scope/job_1/step_0",
        "0::/user.slice/user-1001.slice/user@1001.service/app.slice/uid_0/job_1",
        "0::/system.slice/slurmstepd.scope/system",
        "0::/system.slice/slurmd.service",
        "0::/system.slice/site.service/job_1",
    ],
)
def test_a_group_that_is_none_of_slurm_is_no_job(cgroup: str) -> None:
    """That of slurmd itself; and any that a user can make below a group of its own."""
    assert not any(
        "job" in user for user in parse(_with("cgroups", f"/proc/812/cgroup:{cgroup}")).users
    )


def test_the_groups_of_slurm_say_nothing_of_the_unit_of_a_daemon() -> None:
    lines = _with("cgroups", f"/proc/300/cgroup:{V1}")
    assert parse(lines).strays == ()
    assert parse(lines).daemons[0].cgroup == "/system.slice/daos_server.service"


def test_a_mount_of_dfuse_is_named_with_the_process_that_serves_it() -> None:
    at = ANSWER.index("== mounts") + 1
    node = parse([*ANSWER[:at], "fuse.daos /mnt/home", "fuse.daos /mnt/home2", *ANSWER[at:]])
    assert node.users[:3] == [
        "dfuse mounted at /mnt/home (pid 901, user dave, uid 1003)",
        "dfuse mounted at /mnt/home2 (pid 902, user erin, uid 1004)",
        "dfuse mounted at /mnt/my data",
    ]


def test_the_only_dfuse_serves_the_only_mount_whatever_it_calls_it() -> None:
    one = [line for line in ANSWER if line not in ("uses 901", "dfuse 901")]
    assert parse(one).users[0] == "dfuse mounted at /mnt/my data (pid 902, user erin, uid 1004)"


def test_free_space_is_told_by_mount_point() -> None:
    assert parse(ANSWER).space == {"/": 10240, "/var/cache": 2}


def test_package_managers_that_may_change_something_are_told_as_they_were_typed() -> None:
    assert [str(process) for process in parse(ANSWER).managers] == [
        "/usr/bin/dnf -y update (pid 950, user root, uid 0)"
    ]


@pytest.mark.parametrize("line", ["rpm -Uvh x.rpm", "/usr/bin/rpm -e daos", "yum install x"])
def test_a_change_of_packages_is_at_work(line: str) -> None:
    lines = [text.replace("rpm -qa", line) for text in ANSWER]
    assert line in [process.command for process in parse(lines).managers]


@pytest.mark.parametrize("line", ["rpm -q daos", "/usr/bin/rpm -Va", "rpm --eval %x"])
def test_a_question_to_rpm_is_not_at_work(line: str) -> None:
    lines = [text.replace("rpm -qa", line) for text in ANSWER]
    assert len(parse(lines).managers) == 1


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["centos 7", "CentOS Linux release 7.9.2009 (Core)"], "centos 7.9"),
        (["rhel 8.5", "Red Hat Enterprise Linux release 8.5 (Ootpa)"], "rhel 8.5"),
        (["sles 15.3"], "sles 15.3"),
    ],
)
def test_the_operating_system_is_told_with_its_minor_release(
    lines: list[str], expected: str
) -> None:
    at = ANSWER.index("rhel 8.5")
    assert parse([*ANSWER[:at], *lines, *ANSWER[at + 1 :]]).os == expected


@given(st.lists(st.text()), st.lists(st.text()))
def test_what_login_scripts_print_before_and_after_is_no_part_of_the_answer(
    before: list[str], after: list[str]
) -> None:
    assert parse([*before, *ANSWER, *after]) == parse(ANSWER)


@given(st.integers(0, len(ANSWER) - 1))
def test_an_answer_that_is_cut_short_is_none(length: int) -> None:
    with pytest.raises(ValueError):
        parse(ANSWER[:length])


@pytest.mark.parametrize("state", ["active", "activating", "deactivating", "reloading"])
def test_a_daemon_on_its_way_counts_as_running(state: str) -> None:
    lines = [line.replace("ActiveState=inactive", f"ActiveState={state}") for line in ANSWER]
    assert parse(lines).runs(AGENT)
    assert parse(lines).serves(AGENT) == (state in ("active", "reloading"))


def test_two_releases_at_once_are_no_version() -> None:
    assert parse([line.replace("client 2.0.1", "client 2.0.3") for line in ANSWER]).version is None


def test_an_old_package_beside_the_new_is_no_version() -> None:
    at = ANSWER.index("daos-client 2.0.1-1.el8 daos-2.0.1-1.el8.src.rpm")
    twice = "daos-client 2.0.3-1.el8 daos-2.0.3-1.el8.src.rpm"
    node = parse([*ANSWER[:at], twice, *ANSWER[at:]])
    assert node.version is None
    assert node.packages["daos-client"] == ("2.0.3-1.el8", "2.0.1-1.el8")


@pytest.mark.parametrize("version", ["2.0.3~rc1", "2.0", "master"])
def test_a_release_that_is_not_known_is_no_version(version: str) -> None:
    assert parse([line.replace("2.0.1", version) for line in ANSWER]).version is None


def test_a_package_that_is_not_built_from_daos_is_none_of_it() -> None:
    assert "daos-exporter" not in parse(ANSWER).packages


def test_a_daemon_whose_program_was_replaced_since_it_started_is_told() -> None:
    """Of the server or of one of its engines, and only while the unit runs."""
    assert parse(ANSWER).outlived == []
    for pid in (300, 312):
        assert parse(_with("processes", f"/proc/{pid}/maps")).outlived == [SERVER]
    maps = _with("processes", "/proc/312/maps")
    stopped = [line.replace("=active", "=inactive") for line in maps]
    assert parse(stopped).outlived == []


RECORD = replace(
    fake_nodes.RECORD, enabled=(AGENT,), running=(AGENT,), ranks=(0, 1), pools={"u-1": "it's"}
)


def test_what_is_remembered_comes_back_and_counts_as_enabled() -> None:
    at = ANSWER.index("== starts")
    node = parse([*ANSWER[:at], RECORD.text(), *ANSWER[at:]])
    assert node.record == RECORD
    assert node.at_boot(AGENT)
    assert not parse(ANSWER).at_boot(AGENT)


@given(st.integers(1, len(RECORD.text()) - 1))
def test_a_record_that_is_cut_short_is_no_answer(length: int) -> None:
    at = ANSWER.index("== starts")
    with pytest.raises(ValueError):
        parse([*ANSWER[:at], RECORD.text()[:length], *ANSWER[at:]])


def test_a_record_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    line = save(RECORD).replace(FOLDER, str(tmp_path / "kept"))
    subprocess.run(["sh", "-c", line], check=True)
    [path] = (tmp_path / "kept").iterdir()
    assert Record.parse(path.read_text()) == RECORD


def test_no_packages_are_no_version() -> None:
    assert parse([line for line in ANSWER if "-1.el8" not in line]).version is None


def test_a_node_that_says_the_same_again_is_the_same() -> None:
    listener = Listener()
    first = listener.hears(ANSWER, USUAL)
    noise = ["Welcome", *ANSWER, "bye"]
    assert listener.hears(noise, USUAL) is first
    changed = [line.replace("2.0.1-1.el8", "2.0.3-1.el8") for line in ANSWER]
    assert listener.hears(changed, USUAL) == parse(changed)
    assert listener.hears(ANSWER, USUAL) == first


def test_what_is_as_it_was_has_grown_older() -> None:
    listener = Listener()
    first = listener.hears(ANSWER, USUAL)
    later = [line.replace("1700000090", "1700000095") for line in ANSWER]
    assert later != ANSWER
    node = listener.hears(later, USUAL)
    assert node == parse(later) == replace(first, held_for=95)


def test_an_answer_that_is_cut_short_is_no_node_and_changes_none() -> None:
    listener = Listener()
    first = listener.hears(ANSWER, USUAL)
    with pytest.raises(ValueError, match="not complete"):
        listener.hears(ANSWER[:20], USUAL)
    assert listener.node is first
    assert listener.hears(ANSWER, USUAL) is first


def test_the_same_answer_about_other_units_is_another_one() -> None:
    listener = Listener()
    listener.hears(ANSWER, USUAL)
    with pytest.raises(ValueError, match="nothing about site-daos"):
        listener.hears(ANSWER, Units(server="site-daos.service"))
