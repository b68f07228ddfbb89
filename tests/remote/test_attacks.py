"""The owner of what is copied cannot lead root out of it, nor keep it waiting; with his own uid."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from operations.migration.remote import digest, serial

from ..users import NOBODY
from . import trees
from .trees import copy, tool

_SECRET = "root:$6$SECRETHASH:19000::::::\n"
_MINE = "x" * len(_SECRET)

pytestmark = pytest.mark.skipif(not trees.ROOT, reason="it takes root to be another user as well")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that everybody can enter, with a file in it that root alone can read."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    (tmp_path / "root-only").mkdir(0o700)
    (tmp_path / "root-only" / "shadow").write_text(_SECRET)
    return tmp_path


@pytest.fixture
def source(place: Path) -> Path:
    """A tree of an ordinary user's."""
    source = place / "source"
    (source / "a" / "b").mkdir(parents=True)
    (source / "a" / "b" / "shadow").write_text(_MINE)
    for path in (source, source / "a", source / "a" / "b", source / "a" / "b" / "shadow"):
        os.chown(path, NOBODY, NOBODY)
    return source


_SWAP = """
import os
def kept(do):
    before = os.stat("a")
    do()
    os.utime("a", ns=(before.st_atime_ns, before.st_mtime_ns))
def swap():
    os.rename("a/b", "a/.b"); os.symlink({secret!r}, "a/b")
def back():
    os.unlink("a/b"); os.rename("a/.b", "a/b")
os.chdir({tree!r}); os.setgid({nobody}); os.setuid({nobody})
"""


def as_user(place: Path, code: str, tree: str = "source") -> list[str]:
    """The command that does something in a tree as its owner."""
    begin = _SWAP.format(tree=str(place / tree), secret=str(place / "root-only"), nobody=NOBODY)
    return [sys.executable, "-c", begin + code]


@contextmanager
def at_it(place: Path, tree: str = "source") -> Iterator[None]:
    """Meanwhile the owner of a tree replaces a folder by a link and back, as fast as he can."""
    code = """
print(flush=True)
while True:
    try:
        kept(swap); kept(back)
    except OSError:
        pass
"""
    with subprocess.Popen(as_user(place, code, tree), stdout=subprocess.PIPE) as user:
        assert user.stdout and user.stdout.readline()
        try:
            yield
        finally:
            user.kill()


def leaked(folder: Path) -> list[Path]:
    """The files in which the secret is."""
    found = subprocess.run(["grep", "-rls", "SECRETHASH", folder], capture_output=True, text=True)
    return [Path(line) for line in found.stdout.splitlines()]


def _cp_that(place: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str) -> None:
    """A `cp` that is found first; the owner acts right before and after what the real one does."""
    (place / "bin").mkdir()
    path = os.environ["PATH"]
    lines = [
        shlex.join(as_user(place, before)),
        'cp "$@"; code=$?',
        shlex.join(as_user(place, after)),
        "exit $code",
    ]
    (place / "bin" / "cp").write_text("#!/bin/sh\nPATH=" + path + "\n" + "\n".join(lines) + "\n")
    (place / "bin" / "cp").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}/bin:{path}")


def test_a_folder_that_becomes_a_link_under_cp_leads_nowhere(
    place: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _cp_that(place, monkeypatch, "kept(swap)", "kept(back)")
    tool("copy", "--from", source, "--to", place / "backup", "--way", "serial")
    assert not leaked(place / "backup")


def test_a_manifest_tells_of_nothing_else(
    place: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digests in it are those of the owner's files, or it is not written."""
    take = digest.take

    def taken(*arguments: object, **more: object) -> object:
        subprocess.run(as_user(place, "kept(swap)"), check=True)
        try:
            return take(*arguments, **more)  # type: ignore[arg-type]
        finally:
            subprocess.run(as_user(place, "kept(back)"), check=True)

    monkeypatch.setattr(digest, "take", taken)
    code, answer = tool("manifest", source, "--out", place / "out")
    assert code == 1
    assert "a/b/shadow" in answer["changed"]
    assert not (place / "out" / "manifest.mtree").exists()


@pytest.mark.parametrize(
    "replaced", ["os.mkfifo('a/b/shadow')", "os.symlink('/dev/zero', 'a/b/shadow')"]
)
def test_who_puts_something_else_in_the_place_of_a_file_blocks_nothing(
    place: Path, source: Path, monkeypatch: pytest.MonkeyPatch, replaced: str
) -> None:
    """Between the look at the tree and the reading of it, which `cp` stands for."""
    take = digest.take

    def taken(*arguments: object, **more: object) -> object:
        subprocess.run(as_user(place, f"os.unlink('a/b/shadow'); {replaced}"), check=True)
        return take(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(digest, "take", taken)
    code, answer = tool("manifest", source, "--out", place / "out")
    assert (code, answer["changed"]) == (1, ["a/b", "a/b/shadow"])
    assert not (place / "out" / "manifest.mtree").exists()


def test_what_becomes_a_fifo_before_cp_takes_it_is_left_out(
    place: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = "os.unlink('a/b/shadow'); os.mkfifo('a/b/shadow')"
    real = serial.copy

    def late(*arguments: object) -> None:
        subprocess.run(as_user(place, act), check=True)
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(serial, "copy", late)
    code, answer = tool("copy", "--from", source, "--to", place / "backup", "--way", "serial")
    assert code == 1
    assert "a/b/shadow" in answer["changed"]


def test_a_change_is_seen_whatever_the_owner_does_to_the_folder_itself(
    place: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old time of modification does not hide it, nor a chmod of the container's root."""
    act = (
        "was = os.stat('a/b/shadow'); open('a/b/shadow', 'w').write('y' * was.st_size);"
        "os.utime('a/b/shadow', ns=(was.st_atime_ns, was.st_mtime_ns)); os.chmod('.', 0o755)"
    )
    source.chmod(0o755)
    _cp_that(place, monkeypatch, "pass", act)
    code, answer = tool("copy", "--from", source, "--to", place / "backup", "--way", "serial")
    assert code == 1
    assert "a/b/shadow" in answer["changed"]


def test_what_is_set_in_a_destination_is_set_on_nothing_else(place: Path, source: Path) -> None:
    """Somebody else can write in the destination, and is as fast there."""
    backup, secret = place / "backup", place / "root-only" / "shadow"
    before = secret.stat()
    for number in range(30):
        copy(source, backup)
        os.utime(source / "a" / "b" / "shadow", ns=(number, number))
        (source / "a" / "b" / "shadow").chmod(0o600 + number % 2 * 0o44)
        with at_it(place, "backup"):
            tool("copy", "--from", source, "--to", backup, "--way", "serial")
    now = secret.stat()
    assert (now.st_uid, now.st_mode, now.st_mtime) == (0, before.st_mode, before.st_mtime)
    assert secret.read_text() == _SECRET
