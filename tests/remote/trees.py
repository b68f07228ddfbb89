"""Trees of files for tests of the remote tool: made by Hypothesis, told without that tool."""
# pathlib has no paths of bytes:
# ruff: noqa: PTH101, PTH102, PTH115, PTH118, PTH123, PTH211

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from operations.migration.remote.__main__ import perform
from operations.migration.remote.progress import Progress

ROOT = os.geteuid() == 0
_SIZES = [0, 1, 511, 512, 4095, 4096, 4097, 65536, 131073]
_HOLE = 3 << 20


@dataclass(frozen=True)
class Item:
    """One entry to make: in the `parent`-th folder; a hard link to the `other`-th file."""

    parent: int
    name: bytes
    kind: str
    size: int
    fill: bytes
    mode: int
    owner: tuple[int, int]
    time: int
    xattrs: dict[str, bytes]
    other: int


names = (
    st.binary(min_size=1, max_size=9)
    | st.sampled_from([b"-rf", b" ", b"a\nb", b"\\", b"\xff\xfe", b"*?[x]", b"#", b"=", b"cr\r"])
).map(lambda name: name.replace(b"\0", b"0").replace(b"/", b"_"))

items = st.builds(
    Item,
    parent=st.integers(0, 5),
    name=names.filter(lambda name: name not in (b".", b"..")),
    kind=st.sampled_from(["file", "file", "folder", "link", "fifo", "hard", "sparse"]),
    size=st.sampled_from(_SIZES),
    fill=st.binary(min_size=1, max_size=8),
    mode=st.sampled_from([0o644, 0o600, 0o755, 0o4755, 0o2711, 0o1777, 0o6644, 0o444]),
    owner=st.sampled_from([(0, 0), (1000, 1000), (65534, 7)]),
    time=st.integers(-(10**17), 10**18).map(lambda time: 2 * time),
    xattrs=st.dictionaries(
        st.sampled_from(["user.colour", "user.\u00e9 =#", "user.empty"]), st.binary(max_size=20)
    ),
    other=st.integers(0, 5),
)
trees = st.lists(items, max_size=12)

later_trees = trees.map(lambda found: [replace(item, time=item.time + 1) for item in found])
"""Trees in which no time is one of `trees`: a file that changes gets another time."""


def build(root: Path, wanted: list[Item]) -> None:
    """Make a tree. A name that is there already is left out, as is a hard link to nothing."""
    root.mkdir(parents=True)
    folders = [os.fsencode(root)]
    made: list[tuple[bytes, Item]] = []
    for item in wanted:
        place = os.path.join(folders[item.parent % len(folders)], item.name)
        others = [path for path, other in made if other.kind in ("file", "sparse")]
        if os.path.lexists(place) or (item.kind == "hard" and not others):
            continue
        if item.kind == "folder":
            os.mkdir(place)
            folders.append(place)
        else:
            _make(place, item, others)
        made.append((place, item))
    for place, item in reversed(made):
        if item.kind != "hard":
            _set(place, item)


def _make(place: bytes, item: Item, others: list[bytes]) -> None:
    if item.kind == "hard":
        os.link(others[item.other % len(others)], place)
    elif item.kind == "link":
        os.symlink(item.fill.replace(b"\0", b"0"), place)
    elif item.kind == "fifo":
        os.mkfifo(place)
    else:
        with open(place, "wb") as file:
            if item.kind == "sparse":
                file.seek(_HOLE)
            file.write((item.fill * item.size)[: item.size])
            file.truncate()


def _set(place: bytes, item: Item) -> None:
    if ROOT:
        os.chown(place, *item.owner, follow_symlinks=False)
    if item.kind in ("file", "folder", "sparse"):
        for name, value in item.xattrs.items():
            _set_xattr(place, name, value)
    if item.kind != "link":
        os.chmod(place, item.mode | 0o700 if item.kind == "folder" else item.mode)
    os.utime(place, ns=(item.time, item.time), follow_symlinks=False)


def _set_xattr(place: bytes, name: str, value: bytes) -> None:
    try:
        os.setxattr(place, name, value)
    except OSError:
        if takes_xattrs(Path(os.fsdecode(place)).parent):
            raise


def takes_xattrs(folder: Path) -> bool:
    """Whether the file system there has extended attributes for users."""
    try:
        os.setxattr(folder, "user.probe", b"")
    except OSError:
        return False
    os.removexattr(folder, "user.probe")
    return True


def told(root: Path) -> dict[bytes, Any]:
    """Everything about a tree that a copy has to keep, by path."""
    top, found = os.fsencode(root), {}
    names: dict[int, list[bytes]] = {}
    places = [top]
    for folder, below, others in os.walk(top):
        places += [os.path.join(folder, name) for name in (*below, *others)]
    for place in places:
        names.setdefault(os.lstat(place).st_ino, []).append(os.path.relpath(place, top))
    for place in places:
        status = os.lstat(place)
        found[os.path.relpath(place, top)] = (
            status.st_mode,
            (status.st_uid, status.st_gid),
            status.st_mtime_ns,
            sorted(names[status.st_ino]),
            _content(place, status),
            _xattrs(place, status),
        )
    return found


def _content(place: bytes, status: os.stat_result) -> bytes:
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(place)
    if stat.S_ISREG(status.st_mode):
        return Path(os.fsdecode(place)).read_bytes()
    return b""


def _xattrs(place: bytes, status: os.stat_result) -> dict[str, bytes]:
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return {}
    return {name: os.getxattr(place, name) for name in sorted(os.listxattr(place))}


def tool(*words: object) -> tuple[int, dict[str, Any]]:
    """Run the remote tool in this process: exit code and answer."""
    return perform([str(word) for word in words], Progress())


def copy(source: Path, target: Path, *words: object) -> dict[str, Any]:
    """Copy with cp, or as `words` say; it has to go well."""
    words = words or ("--way", "serial")
    code, answer = tool("copy", "--from", source, "--to", target, *words)
    assert code == 0, answer
    return answer


def manifest(source: Path, out: Path) -> Path:
    """Write the manifest of a tree; it has to go well."""
    code, answer = tool("manifest", source, "--out", out, "--jobs", 2)
    assert code == 0, answer
    return out / "manifest.mtree"


def nothing(files: int, size: int, **more: object) -> dict[str, Any]:
    """The answer of a comparison that found nothing wrong."""
    return {"files": files, "bytes": size, "missing": [], "extra": [], "differing": {}, **more}
