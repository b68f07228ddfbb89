"""The script that a node answers with, run here: real processes, stand-ins for DAOS."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from operations.daos import hanging as hanging_program
from operations.daos.node import Node, parse, script
from operations.daos.start_trace import drop_in
from operations.daos.units import Units
from operations.daos.window_file import FOLDER, PATH
from operations.lock import LOCK
from operations.machinery.connections import text
from operations.rules.silence import why

from ...lab.waiting import eventually
from .stand_ins import stand_in

SCRIPT = script()
_PROGRAMS = ("daos_engine", "dnf")


def run(tools: Path, told: str = SCRIPT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", told],
        env={"PATH": str(tools)},
        capture_output=True,
        errors="backslashreplace",  # as `connections.text`; any process here has any name
        check=False,
    )


@pytest.mark.parametrize("path", [FOLDER, drop_in("$server"), LOCK])
def test_what_a_run_leaves_on_a_node_is_looked_for_where_it_is_left(path: str) -> None:
    assert re.search(rf'="?{re.escape(path)}"?$', SCRIPT, re.MULTILINE)


def test_a_program_that_hangs_is_named(tools: Path) -> None:
    """A dead disk below the database of packages, for one; whatever a stand-in turns into."""
    sleep = shutil.which("sleep")
    stand_in(tools, "rpm", f"exec {sleep} 60")
    look = subprocess.Popen(
        ["sh", "-c", SCRIPT],
        env={"PATH": str(tools)},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )

    def hanging() -> list[str]:
        """Of this look: other tests look at nodes whose processes are to be seen here as well."""
        found = hanging_program.programs(listed(hanging_program.ASK))
        its_own = {line.strip() for line in listed(f"ps -o pid= -s {look.pid}")}
        return [it for it in found if re.findall(r"pid (\d+)", it)[0] in its_own and "rpm" in it]

    try:
        [found] = eventually(hanging)
        assert re.fullmatch(r"`rpm -qa` \(pid \d+\) hangs there", found)
    finally:
        subprocess.run(["pkill", "-s", str(look.pid)], check=True)
        look.wait()


def listed(asked: str) -> list[str]:
    done = subprocess.run(asked.split(), capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[dict[str, int]]:
    """The ids of processes that run under the names of programs that an update looks for."""
    sleep = shutil.which("sleep")
    assert sleep
    with ExitStack() as stack:
        pids = {}
        for name in _PROGRAMS:
            shutil.copy(sleep, tmp_path / name)
            child = stack.enter_context(subprocess.Popen([tmp_path / name, "600"]))
            stack.callback(child.kill)
            pids[name] = child.pid
        yield pids


def test_processes_are_found_by_their_names(tools: Path, running: dict[str, int]) -> None:
    done = run(tools)
    assert (done.returncode, done.stderr) == (0, "")
    node = parse(done.stdout.splitlines())
    assert running["daos_engine"] in node.engines
    [manager] = [process for process in node.managers if process.pid == running["dnf"]]
    assert manager.command.endswith("/dnf 600")
    assert node.addresses == ("10.0.0.1", "10.0.0.2")
    assert node.space


def locked(tools: Path, lock: Path) -> Node:
    """The node as it is told where somebody holds the lock in this file."""
    stand_in(tools, "flock", "exit 1")
    return parse(run(tools, SCRIPT.replace(LOCK, str(lock))).stdout.splitlines())


def test_a_lock_that_somebody_holds_who_does_not_say_so_is_no_free_one(
    tools: Path, tmp_path: Path
) -> None:
    lock = tmp_path / "lock"
    lock.touch(0o600)
    assert f"fuser -v {lock}" in locked(tools, lock).lock
    lock.write_text("ops on desk\nprocess 4711\n")
    node = locked(tools, lock)
    assert (node.lock, node.locker) == ("ops on desk", 4711)


def test_a_lock_that_everybody_can_hold_is_none_unless_root_has_it_open(
    tools: Path, tmp_path: Path
) -> None:
    """As a run of an older version of this tool has, which left it so."""
    lock = tmp_path / "lock"
    lock.touch(0o644)
    with lock.open():
        assert locked(tools, lock).lock
    assert not locked(tools, lock).lock


def test_storage_in_memory_is_told_by_its_superblock(tools: Path, tmp_path: Path) -> None:
    (tmp_path / "superblock").touch()
    mounts = rf"tmpfs /run/user\ntmpfs {tmp_path}\nfuse.daos /mnt/home\n"
    stand_in(tools, "findmnt", f"printf '{mounts}'")
    node = parse(run(tools).stdout.splitlines())
    assert node.memory == (str(tmp_path),)
    assert node.mounts == ("/mnt/home",)


def test_the_links_by_which_a_unit_is_started_are_told_wherever_they_are(
    tools: Path, tmp_path: Path
) -> None:
    """Those that `systemctl disable` removes, and those that it leaves; one that leads nowhere."""
    unit, agent = "daos_server.service", "daos_agent.service"
    links = [
        f"etc/systemd/system/multi-user.target.wants/{unit}",
        f"etc/systemd/system/a.service.requires/{agent}",
        f"run/systemd/generator.late/b.target.upholds/{agent}",
        f"usr/lib/systemd/system/c.target.wants/{unit}",
    ]
    for link in links:
        (tmp_path / link).parent.mkdir(parents=True)
        (tmp_path / link).symlink_to("/nowhere")
    (tmp_path / f"etc/systemd/system/{agent}").symlink_to("/nowhere")
    elsewhere = re.sub(r'(?<=[ "])/(?=\S+/systemd/)', f"{tmp_path}/", SCRIPT)
    done = run(tools, elsewhere)
    assert done.returncode == 0, done.stderr
    part = done.stdout.partition("== links\n")[2].partition("\n==")[0]
    assert set(part.split()) == {agent, *(f"{tmp_path}/{link}" for link in links)}


def test_a_name_that_the_site_gives_a_unit_is_asked_for_as_it_is(
    tools: Path, tmp_path: Path
) -> None:
    """And DAOS's own beside it. What is laid and linked there is told by that name, too."""
    names = Units(server=r"site\x2ddaos:a.service")
    drop_ins = tmp_path / f"etc/systemd/system/{names.server}.d"
    drop_ins.mkdir(parents=True)
    (drop_ins / "zzz-daos-offline-update.conf").touch()
    reset = drop_ins / "a b.conf"
    reset.write_text("ExecStartPre=\n")
    (drop_ins.parent / names.server).symlink_to("/nowhere")
    stand_in(tools, "systemctl", r'printf "%s\n" "$*"')
    elsewhere = re.sub(r'(?<=[ "=])/(?=etc/systemd/)', f"{tmp_path}/", script(names))
    done = run(tools, elsewhere)
    assert done.returncode == 0, done.stderr
    parts = {part.split("\n", 1)[0]: part for part in done.stdout.split("== ")}
    assert f"show {names.server} daos_agent.service daos_server.service " in parts["services"]
    assert parts["links"].split() == ["links", names.server]
    assert len(parts["held"].split()) == 3
    assert parts["resets"].splitlines()[1] == str(reset)


@pytest.mark.parametrize(
    "name", ["rpm", "systemctl", "findmnt", "grep", "ls", "hostname", "flock", "df", "stat"]
)
def test_a_tool_that_is_missing_is_no_answer(tools: Path, name: str) -> None:
    (tools / name).unlink()
    done = run(tools)
    assert done.returncode == 1
    assert f"there is no {name}" in done.stderr


@pytest.mark.parametrize(("name", "line"), [("rpm", "exit 1"), ("grep", "exit 2"), ("grep", ":")])
def test_a_tool_that_fails_is_no_answer(tools: Path, name: str, line: str) -> None:
    stand_in(tools, name, line)
    assert run(tools).returncode == 1


@pytest.mark.parametrize("content", [b"", b'{"began', b"\xff\xfe\x00\x01", None])
def test_a_record_that_is_damaged_is_never_taken_for_none(
    tools: Path, tmp_path: Path, content: bytes | None
) -> None:
    """Empty, cut short, binary; and a folder in its place."""
    kept = tmp_path / "kept"
    record = kept / "window.json"
    if content is None:
        record.mkdir(parents=True)
    else:
        kept.mkdir()
        record.write_bytes(content)
    elsewhere = SCRIPT.replace(FOLDER, str(kept))
    done = subprocess.run(
        ["sh", "-c", elsewhere], env={"PATH": str(tools)}, capture_output=True, check=False
    )
    with pytest.raises(ValueError, match=f"^{PATH} is damaged") as problem:
        parse(text(done.stdout).split("\n"))
    assert f"mv {PATH} " in why(str(problem.value))
