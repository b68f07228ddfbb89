"""Whatever single thing is wrong with a tree, it is found and named."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from . import trees
from .trees import ROOT, manifest, takes_xattrs, tool


def make(root: Path) -> None:
    """A tree with one of each kind."""
    (root / "folder").mkdir(parents=True)
    (root / "file").write_bytes(b"contents" * 1000)
    (root / "folder" / "other").write_text("x")
    (root / "alone").write_text("y")
    os.link(root / "folder" / "other", root / "name")
    (root / "link").symlink_to("file")
    os.mkfifo(root / "fifo")


def keep_times(act: Callable[[Path], object]) -> Callable[[Path], object]:
    """The same, such that no time shows it."""

    def hidden(root: Path) -> None:
        before = [(path, path.lstat().st_mtime_ns) for path in (root, *root.rglob("*"))]
        act(root)
        for path, time in before:
            if os.path.lexists(path):
                os.utime(path, ns=(time, time), follow_symlinks=False)

    return hidden


def relink(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").symlink_to("alone")


def unlink_hard(root: Path) -> None:
    (root / "name").unlink()
    (root / "name").write_text("x")


def to_folder(root: Path) -> None:
    (root / "alone").unlink()
    (root / "alone").mkdir()


def told_otherwise(root: Path, before: str, after: str) -> None:
    """Where this user or file system cannot have it, the manifest says that it was there."""
    written = root.parent / "manifest.mtree"
    text = written.read_text()
    assert before in text
    written.write_text(text.replace(before, after))


def chown(root: Path) -> None:
    if ROOT:
        os.chown(root / "link", 5, 5, follow_symlinks=False)
    else:
        told_otherwise(root, "./link type=link uid=", "./link type=link uid=1")


def xattr(root: Path) -> None:
    if takes_xattrs(root):
        os.setxattr(root / "file", "user.a", b"b")
    else:
        told_otherwise(root, "./file ", "# xattr user.a=Yg==\n./file ")


MUTATIONS: dict[str, tuple[Callable[[Path], object], dict[str, list[str]]]] = {
    "bit": (lambda root: flip(root / "file", 4321), {"file": ["digest"]}),
    "shorter": (lambda root: os.truncate(root / "file", 7999), {"file": ["digest", "size"]}),
    "chmod": (lambda root: (root / "file").chmod(0o4711), {"file": ["mode"]}),
    "chmod folder": (lambda root: (root / "folder").chmod(0o700), {"folder": ["mode"]}),
    "chmod root": (lambda root: root.chmod(0o711), {".": ["mode"]}),
    "chmod fifo": (lambda root: (root / "fifo").chmod(0o777), {"fifo": ["mode"]}),
    "relink": (relink, {"link": ["target"]}),
    "no hard link": (unlink_hard, {"name": ["links"]}),
    "type": (to_folder, {"alone": ["type"]}),
    "xattr": (xattr, {"file": ["xattrs"]}),
    "chown": (chown, {"link": ["owner"]}),
}


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    mode = path.stat().st_mode
    path.chmod(mode | 0o200)  # for one who is not root
    path.write_bytes(content)
    path.chmod(mode)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_difference_is_named(tmp_path: Path, name: str) -> None:
    act, wanted = MUTATIONS[name]
    make(tmp_path / "data")
    written = manifest(tmp_path / "data", tmp_path)
    keep_times(act)(tmp_path / "data")
    code, found = tool("verify", tmp_path / "data", "--manifest", written)
    assert code == 1
    assert {key: found[key] for key in ("missing", "extra", "differing")} == {
        "missing": [],
        "extra": [],
        "differing": wanted,
    }


@pytest.mark.parametrize("name", [".", "file", "folder", "link", "fifo", "alone"])
def test_a_touched_entry_is_named(tmp_path: Path, name: str) -> None:
    make(tmp_path / "data")
    written = manifest(tmp_path / "data", tmp_path)
    path = tmp_path / "data" / name
    os.utime(path, ns=(1, path.lstat().st_mtime_ns + 1), follow_symlinks=False)
    code, found = tool("verify", tmp_path / "data", "--manifest", written, "--quick")
    assert (code, found["differing"]) == (1, {name: ["time"]})


@pytest.mark.parametrize("quick", [(), ("--quick",)])
def test_what_is_missing_and_what_is_extra_is_named(tmp_path: Path, quick: tuple[str, ...]) -> None:
    make(tmp_path / "data")
    written = manifest(tmp_path / "data", tmp_path)
    keep_times(lambda root: (root / "alone").rename(root / os.fsdecode(b"\xff")))(tmp_path / "data")
    code, found = tool("verify", tmp_path / "data", "--manifest", written, *quick)
    assert (code, found["missing"], found["extra"]) == (1, ["alone"], ["\udcff"])
    assert found["differing"] == {}


@settings(max_examples=20, deadline=None)
@given(
    wanted=st.lists(trees.items, min_size=1, max_size=6),
    chosen=st.integers(0),
    bit=st.integers(0),
)
def test_any_flipped_bit_is_found(wanted: list[trees.Item], chosen: int, bit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        trees.build(data, wanted)
        written = manifest(data, Path(folder))
        files = [
            path
            for path in sorted(data.rglob("*"))
            if path.is_file() and not path.is_symlink() and path.stat().st_size
        ]
        if not files:
            return
        path = files[chosen % len(files)]
        where = bit % (path.stat().st_size * 8)
        keep_times(lambda _: flip(path, where))(data)
        code, found = tool("verify", data, "--manifest", written)
        name = os.fsencode(path.relative_to(data)).decode("utf-8", "surrogateescape")
        assert code == 1
        assert "digest" in found["differing"][name]
        assert tool("verify", data, "--manifest", written, "--quick")[0] == 0
