"""What ordinary users run on a node under any name, as the node's own script tells it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operations.daos.node import Node, parse, script
from operations.machinery.connections import text

from ...users import NOBODY
from . import hanging_fuse
from .ordinary_user import called, hiding, mapping, running
from .slurm_group import slurm_job

DAEMONS = ("daos_server", "daos_agent", "daos_engine", "daos_io_server")


def reachable(folder: Path) -> None:
    """Have everybody get to a folder of this test."""
    for it in (folder, *folder.parents[:3]):
        it.chmod(0o755)


def looked(folder: Path, stuck: tuple[str, ...] = ()) -> Node:
    """The node as it is told; no answer is an error."""
    done = subprocess.run(
        ["sh", "-c", script(stuck=stuck)],
        env={"PATH": str(folder)},
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return parse(text(done.stdout).split("\n"))


@pytest.mark.parametrize("name", DAEMONS)
def test_what_an_ordinary_user_calls_like_a_daemon_is_none(tools: Path, name: str) -> None:
    with running(lambda: called(name.encode())) as pid:
        node = looked(tools)
    assert pid not in node.engines
    assert pid not in {it.pid for it in node.strays}
    [found] = [it for it in node.namesakes if it.pid == pid]
    for word in (name, str(pid), "nobody", "65534", "python"):
        assert word in str(found)


@pytest.mark.parametrize("name", DAEMONS)
def test_what_root_starts_by_hand_is_a_daemon_that_no_unit_has_started(
    tools: Path, name: str
) -> None:
    with running(lambda: called(name.encode()), uid=0) as pid:
        node = looked(tools)
    [found] = [it for it in node.strays if it.pid == pid]
    assert (found.user, found.uid) == ("root", 0)
    assert (pid in node.engines) == (name in ("daos_engine", "daos_io_server"))


@pytest.mark.parametrize("name", ["daos_engine", "daos_server", "dnf", "rpm"])
@pytest.mark.parametrize("real", [True, False], ids=["sets its real user", "does not"])
def test_a_program_with_the_rights_of_root_for_anybody_is_none_whoever_calls_it_so(
    tools: Path, tmp_path: Path, name: str, real: bool
) -> None:
    """su keeps who has started it, and sudo does not."""
    program = tmp_path / name
    shutil.copy(shutil.which("sleep") or "", program)
    program.chmod(0o4755)
    reachable(tmp_path)
    user = 0 if real else NOBODY
    with subprocess.Popen([program, "60"], user=user, group=user) as child:
        try:
            node = looked(tools)
        finally:
            child.kill()
    assert child.pid not in {*node.engines, *(it.pid for it in node.strays)}
    assert child.pid not in {it.pid for it in node.managers}
    if name.startswith("daos"):
        assert child.pid in {it.pid for it in node.namesakes}


def test_what_an_ordinary_user_calls_like_a_package_manager_changes_no_packages(
    tools: Path,
) -> None:
    with running(lambda: called(b"dnf")) as users, running(lambda: called(b"dnf"), uid=0) as roots:
        found = {it.pid for it in looked(tools).managers}
    assert roots in found
    assert users not in found


def using_daos(name: bytes, folder: Path) -> Callable[[], object]:
    """What a process does that has this name, and a library of DAOS mapped."""

    def prepare() -> object:
        called(name)
        return mapping(folder / "libdaos.so")

    return prepare


def test_a_dfuse_that_has_nothing_of_daos_is_none(tools: Path, tmp_path: Path) -> None:
    prepare = using_daos(b"dfuse", tmp_path)
    with running(lambda: called(b"dfuse")) as other, running(prepare) as pid:
        found = {it.pid for it in looked(tools).dfuses}
    assert pid in found
    assert other not in found


def test_what_uses_daos_under_the_name_of_a_daemon_uses_it(tools: Path, tmp_path: Path) -> None:
    with running(using_daos(b"daos_agent", tmp_path)) as pid:
        assert any(f"pid {pid}," in user for user in looked(tools).users)


def test_who_uses_daos_is_told_with_the_job_of_slurm(tools: Path, tmp_path: Path) -> None:
    with slurm_job(4711) as join, running(using_daos(b"ior", tmp_path)) as pid:
        join(pid)
        [user] = [it for it in looked(tools).users if f"pid {pid}," in it]
    assert ", Slurm job 4711" in user


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.binary(max_size=15).filter(lambda name: 0 not in name))
def test_a_process_of_any_name_is_one_that_uses_daos_and_no_silence(
    tools: Path, tmp_path: Path, name: bytes
) -> None:
    uses_daos(tools, tmp_path, name)


def uses_daos(tools: Path, tmp_path: Path, name: bytes) -> None:
    """A process of this name is seen to use DAOS."""
    with running(using_daos(name, tmp_path)) as pid:
        node = looked(tools)
    [found] = [it for it in node.processes if it.pid == pid]
    assert (found.user, found.uid) == ("nobody", 65534)
    assert "python" in found.program
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    "name", [b"", b" ", b"\n", b"x\ndnf", b"a) Z 1", b"\x1b[31m", b"\xff", b"dnf\ndaos_engine"]
)
def test_so_does_one_whose_name_reads_like_something_else(
    tools: Path, tmp_path: Path, name: bytes
) -> None:
    uses_daos(tools, tmp_path, name)


@pytest.mark.parametrize("name", [b"dfuse", b"dnf"])
def test_a_process_that_lets_nobody_look_at_it_is_named(
    tools: Path, tmp_path: Path, name: bytes
) -> None:
    """As while it waits for a file system that hangs."""
    reachable(tmp_path)
    with (
        ExitStack() as stack,
        running(lambda: called(b"daos_engine"), uid=0) as engine,
    ):
        mounted = ExitStack()
        file = mounted.enter_context(hanging_fuse.mounted(tmp_path / "mnt"))
        pid = stack.enter_context(running(lambda: called(name), then=lambda: hiding(file)))
        with mounted:  # it cannot be ended before the file system is gone
            node = looked(tools)  # a look that waits for it never ends
            again = looked(tools, node.stuck)
    assert engine in node.engines  # all others are told as they are
    [found] = [it for it in node.processes if it.pid == pid]
    assert f"pid {pid}, user nobody, uid 65534" in str(found)
    assert "lets nobody see whether it uses DAOS" in str(found)
    own = {it for it in node.stuck if it.startswith(f"{pid}:")}  # another test may have others
    assert own
    assert own <= set(again.stuck)
    assert own.isdisjoint(looked(tools, node.stuck).stuck)


def test_as_many_as_a_user_likes_are_told_in_a_bearable_answer(tools: Path, tmp_path: Path) -> None:
    program = tmp_path / "dnf"
    program.symlink_to(shutil.which("sh") or "")
    words = [str(program), "-c", "read line", *["x" * 100_000] * 10]
    with ExitStack() as stack:
        for _ in range(60):
            child = stack.enter_context(subprocess.Popen(words, stdin=subprocess.PIPE))
            stack.callback(child.kill)
        node = looked(tools)
    assert len(node.managers) >= 60
    assert all(len(it.command) < 5000 for it in node.managers)


def test_a_path_of_a_user_s_program_is_shown_on_one_line(tools: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a\n== end\n\x1b[2J\xff \\"
    folder.mkdir()
    program = folder / "dnf"
    shutil.copy(shutil.which("sleep") or "", program)
    with subprocess.Popen(["x\n== end\n", "60"], executable=program) as child:
        try:
            [found] = [it for it in looked(tools).managers if it.pid == child.pid]
        finally:
            child.kill()
    assert found.program == str(program)
