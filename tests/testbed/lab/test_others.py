"""What other users of the machine that a lab runs on can do to it, tried by one of them."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed.images import image
from testbed.lab import ssh
from testbed.lab.errors import LabError
from testbed.lab.files import LabFiles

from ...users import NOBODY, become

ENGINE = Path(__file__).parents[3] / "testbed" / "lab" / "engine.sh"
KEYS = ssh.make_key_pair()

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


def as_another(do: Callable[[], object]) -> bool:
    """Do something as another user, in a process of its own; whether that user could."""
    child = os.fork()
    if child == 0:
        try:
            become()
            do()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder like /tmp, which all users write in; programs take it for temporary files."""
    folder = Path(tempfile.mkdtemp(prefix="daos-lab-test-", dir="/tmp"))
    folder.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The home of who runs labs here, which others can enter."""
    folder = Path(tempfile.mkdtemp(prefix="daos-lab-test-", dir="/tmp"))
    folder.chmod(0o755)

    class Entry:
        pw_dir = str(folder)

    monkeypatch.setattr("pwd.getpwuid", lambda uid: Entry)
    yield folder
    shutil.rmtree(folder)


def test_the_lock_of_builds_is_nowhere_where_others_make_it_first(shared: Path, home: Path) -> None:
    precious = home / "precious"
    precious.write_text("kept")
    trap = shared / "daos-lab-images-0.lock"
    assert as_another(lambda: trap.symlink_to(precious))
    with image._only_builder(print):
        assert [entry.name for entry in shared.iterdir()] == [trap.name]
    assert precious.read_text() == "kept"
    assert (home / ".cache" / "daos-lab").stat().st_mode & 0o077 == 0


def test_nobody_else_can_hold_the_lock_of_builds(home: Path) -> None:
    with image._only_builder(print):
        pass
    [lock] = (home / ".cache" / "daos-lab").iterdir()
    assert not as_another(lambda: fcntl.flock(os.open(lock, os.O_RDONLY), fcntl.LOCK_EX))


@pytest.fixture
def lab() -> Iterator[LabFiles]:
    """The files of a lab, in a folder that others could enter."""
    folder = Path(tempfile.mkdtemp(prefix="daos-lab-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield LabFiles(folder / ".lab")
    shutil.rmtree(folder)


def test_nobody_else_sees_what_is_in_the_folder_of_a_lab(lab: LabFiles) -> None:
    lab.directory.mkdir(0o777)
    lab.directory.chmod(0o777)  # as a umask of 0 leaves it
    with lab.claim():
        lab.write(KEYS, {"node": 20001}, {20001: KEYS.public}, [20011])
        assert lab.identity.read_text() == KEYS.private
        assert not as_another(lambda: lab.identity.read_text())
        assert not as_another(lambda: list(lab.directory.iterdir()))
        assert not as_another(lambda: lab.activate.unlink())


def test_a_folder_of_another_user_is_no_place_for_a_lab(lab: LabFiles) -> None:
    lab.directory.mkdir()
    os.chown(lab.directory, NOBODY, NOBODY)
    with pytest.raises(LabError, match="belongs to another user"), lab.claim():
        pass


def test_a_draft_goes_through_no_link(lab: LabFiles) -> None:
    """Another user had the folder open to all before it was claimed."""
    lab.directory.mkdir(0o777)
    lab.directory.chmod(0o777)
    theirs = lab.directory.parent / "theirs"
    theirs.mkdir()
    os.chown(theirs, NOBODY, NOBODY)
    draft = lab.directory / f"{lab.identity.name}.{os.getpid()}.tmp"
    assert as_another(lambda: draft.symlink_to(theirs / "stolen"))
    with lab.claim():
        lab.write(KEYS, {"node": 20001}, {20001: KEYS.public}, [20011])
        assert list(theirs.iterdir()) == []
        assert not lab.identity.is_symlink()
        assert lab.identity.stat().st_uid == os.geteuid()


def test_what_apt_says_is_not_written_where_a_link_leads(shared: Path, tmp_path: Path) -> None:
    """engine.sh installs as root; it is run without its last line, with an apt-get that fails."""
    (tmp_path / "apt-get").write_text("#!/bin/sh\necho broken; exit 1\n")
    (tmp_path / "apt-get").chmod(0o755)
    script = ENGINE.read_text()
    functions = script[: script.index("start_engine()")]
    done = subprocess.run(
        ["sh", "-c", f"{functions}\ninstall_engine"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "broken" in done.stderr, (done, sys.version)
    assert list(shared.iterdir()) == []
    assert "/tmp/" not in script
