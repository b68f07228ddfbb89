"""Who keeps the lock, and who else holds one: by what servers are, whatever they are called."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations import lock
from operations.rules.view import View

from ..lab.waiting import eventually
from .fake_nodes import SERVING

HOSTNAMES = st.sets(st.text("abc-01", min_size=1, max_size=4), min_size=1, max_size=5)


def view(names: dict[str, str], locks: dict[str, str] | None = None) -> View:
    """Servers by their names in an inventory, each with its own hostname."""
    nodes = {
        name: replace(SERVING, hostname=hostname, lock=(locks or {}).get(name, ""))
        for name, hostname in names.items()
    }
    return View({"servers": tuple(nodes), "admins": (), "clients": ()}, dict(nodes))


@given(HOSTNAMES, st.randoms())
def test_all_inventories_have_the_same_keeper(hostnames: set[str], chance: st.DataObject) -> None:
    aliases = [f"alias-{n}" for n in range(len(hostnames))]
    chance.shuffle(aliases)  # type: ignore[attr-defined]
    names = dict(zip(aliases, sorted(hostnames), strict=True))
    assert names[lock.keeper(view(names))] == min(hostnames)


def held(path: Path, who: str) -> subprocess.Popen[bytes]:
    """A run that holds the lock, or tries to."""
    line = lock._HOLD.format(who=who).replace(lock.LOCK, str(path))
    return subprocess.Popen(["sh", "-c", line], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@contextmanager
def holding(path: Path, uid: int) -> Iterator[None]:
    """A process of a user that has opened a file while everybody could, and holds it."""
    with path.open() as opened:
        other = subprocess.Popen(
            ["sh", "-c", "flock -n 0 && echo held && exec sleep 60"],
            stdin=opened,
            stdout=subprocess.PIPE,
            user=uid,
            group=uid,
        )
    with other:
        try:
            assert other.stdout
            assert other.stdout.readline() == b"held\n"
            yield
        finally:
            other.kill()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_a_lock_that_cannot_be_written_to_is_not_held_and_says_why(tmp_path: Path) -> None:
    """As where /run is full."""
    full = tmp_path / "full"
    full.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "lab", full], check=True)
    try:
        (full / "lock").touch()
        subprocess.run(["dd", "if=/dev/zero", f"of={full}/other"], capture_output=True, check=False)
        with held(full / "lock", "me") as done:
            _, errors = done.communicate(timeout=60)
    finally:
        subprocess.run(["umount", full], check=True)
    assert done.returncode
    assert b"error" in errors


def test_nobody_but_root_can_open_a_lock(path: Path) -> None:
    with held(path, "me") as run:
        eventually(lambda: path.exists() and path.read_text())
        assert path.stat().st_mode & 0o777 == 0o600
        who, process = path.read_text().splitlines()
        assert who == "me"
        subprocess.run(["kill", process.removeprefix("process ")], check=True)
        assert run.wait(10)  # by what the one who is kept away by it is told to type


def test_a_lock_that_an_older_version_has_left_and_a_user_holds_keeps_nobody_away(
    path: Path,
) -> None:
    path.touch(0o644)
    with holding(path, 65534):
        with held(path, "me") as run:
            eventually(lambda: path.read_text().startswith("me\n"))
            assert run.poll() is None
            run.kill()
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_run_of_an_older_version_keeps_others_away(path: Path) -> None:
    path.touch(0o644)
    with holding(path, 0), held(path, "me") as run:
        assert run.wait(30)
        assert path.read_text() == ""


def test_an_alias_is_no_other_server() -> None:
    assert lock.keeper(view({"daos-server-02": "s2", "zulu": "s1"})) == "zulu"


def test_a_lock_is_another_runs_unless_it_is_ones_own() -> None:
    names = {"n1": "s1", "n2": "s2", "n3": "s3"}
    held = view(names, {"n1": "ops on desk (process 7)", "n3": "ada on login (process 9)"})
    assert lock.holders(held, "ops on desk (process 7)") == {"n3": "ada on login (process 9)"}
    assert lock.holders(held).keys() == {"n1", "n3"}


def test_what_ends_the_run_that_is_in_the_way_is_said() -> None:
    node = replace(SERVING, lock="ops on desk", locker=4711)
    assert "`sudo kill 4711` there" in lock._message(node.lock, node)
