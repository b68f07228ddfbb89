"""Where something is mounted: any bytes, there and back; and what unmounts that alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.daos import mount_points
from operations.daos.mount_points import decoded, for_shell, written

_BYTES = st.binary(min_size=1, max_size=60).filter(lambda name: 0 not in name)
PATHS = _BYTES.map(lambda name: (b"/" + name).decode("utf-8", "surrogateescape"))
ODD = ("/mnt/a b\t\n'\"\\$(id)`id`", "/mnt/\udcff\udcfe\u00e9\u2028", r"/mnt/\x20", "/mnt/%s%b\n\n")


@given(PATHS)
def test_a_path_is_the_same_after_it_was_written_as_findmnt_does(path: str) -> None:
    assert decoded(written(path)) == path
    assert written(path).isascii()
    assert " " not in written(path)


@given(PATHS)
def test_a_shell_has_the_very_same_bytes(path: str) -> None:
    line = f'{for_shell("point", path)}; printf %s "$point"'
    done = subprocess.run(["sh", "-c", line], capture_output=True, check=True)
    assert done.stdout == path.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("path", ODD)
def test_findmnt_writes_so(tmp_path: Path, path: str) -> None:
    point = Path(f"{tmp_path}{path}")
    point.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "lab", point], check=True)
    try:
        listed = subprocess.run(
            ["findmnt", "-rn", "-t", "tmpfs", "-o", "TARGET"],
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        subprocess.run(["umount", point], check=True)
    assert str(point) in map(decoded, listed.stdout.splitlines())


@pytest.fixture
def called(tmp_path: Path) -> Path:
    """What fusermount3 and setpriv were called with, by stand-ins; a line for each."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, line in (
        ("fusermount3", rf'printf "%s\n" "$(id -u) $*" >> {tmp_path}/called'),
        ("findmnt", f"cat {tmp_path}/mounts"),
    ):
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    (tmp_path / "called").touch()
    (tmp_path / "called").chmod(0o666)
    for it in (tmp_path, *tmp_path.parents[:3]):
        it.chmod(0o755)
    return tmp_path / "called"


def unmount(called: Path, path: str, options: str | None) -> subprocess.CompletedProcess[str]:
    mounts = called.parent / "mounts"
    mounts.write_text("" if options is None else f"{written(path)} {options}\n")
    return subprocess.run(
        ["sh", "-c", mount_points.unmounted(path)],
        env={"PATH": f"{called.parent}/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_a_user_has_mounted_is_unmounted_with_the_rights_of_that_user(called: Path) -> None:
    done = unmount(called, "/mnt/my data", "rw,nosuid,user_id=65534,group_id=65534")
    assert (done.returncode, done.stderr) == (0, "")
    assert called.read_text() == "65534 -u -- /mnt/my data\n"


@pytest.mark.parametrize("path", ODD)
def test_whatever_it_is_called(called: Path, path: str) -> None:
    done = unmount(called, path, "rw,user_id=65534,group_id=65534")
    assert (done.returncode, done.stderr) == (0, "")
    raw = path.encode("utf-8", "surrogateescape")
    assert called.read_bytes() == b"65534 -u -- " + raw + b"\n"


def test_what_is_mounted_there_no_more_is_left_alone(called: Path) -> None:
    assert unmount(called, "/mnt/my data", None).returncode == 0
    assert called.read_text() == ""


def test_root_s_own_is_unmounted_where_nobody_else_can_lead_root_elsewhere(called: Path) -> None:
    folder = called.parent / "a"
    folder.mkdir(mode=0o755)
    options = "rw,user_id=0,group_id=0,allow_other"
    # pytest's folders are root's alone, and those above them as well but for /tmp, which is sticky.
    assert unmount(called, f"{folder}/b", options).returncode == 0
    assert called.read_text() == f"0 -u -- {folder}/b\n"
    for mode, owner in ((0o755, 65534), (0o777, 0), (0o775, 0)):
        folder.chmod(mode)
        subprocess.run(["chown", str(owner), folder], check=True)
        done = unmount(called, f"{folder}/b", options)
        assert done.returncode == 1
        assert f"others than root can change {folder}: " in done.stderr
    assert called.read_text().count("\n") == 1


def test_nor_by_a_link(called: Path) -> None:
    (called.parent / "a").symlink_to("/boot")
    done = unmount(called, f"{called.parent}/a/b", "rw,user_id=0,group_id=0")
    assert done.returncode == 1
    assert called.read_text() == ""
