"""One checksum of a file tree: the same for a container, and for a copy of it in a real folder.

It covers the names, types, permission bits, owners, modification times (ns), sizes, contents,
link targets, device numbers, hard links and user.* attributes of all entries. Not covered: the top
folder itself, access and change times, and which parts of a file are holes.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .tree import BLOCK, Tree

Records = dict[bytes, str]
"""A checksum for each path; paths are relative to the top."""


@dataclass
class Entry:
    """One entry of a tree. `inode` tells hard links, `chunks` gives a regular file's content."""

    path: bytes
    inode: tuple[int, int]
    mode: int
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    size: int = 0
    rdev: int = 0
    target: bytes = b""
    xattrs: dict[bytes, bytes] = field(default_factory=dict)
    chunks: Callable[[], Iterable[bytes]] = tuple


def whole(records: Records) -> str:
    """The checksum of a tree out of those of its entries."""
    total = hashlib.sha256()
    for path in sorted(records):
        total.update(b"%s\0%s\n" % (path, records[path].encode()))
    return total.hexdigest()


def records(entries: Iterable[Entry]) -> Records:
    """The checksums of the entries of one tree."""
    found = sorted(entries, key=lambda entry: entry.path)
    groups: dict[tuple[int, int], list[bytes]] = {}
    for entry in found:
        if not stat.S_ISDIR(entry.mode):
            groups.setdefault(entry.inode, []).append(entry.path)
    contents: dict[tuple[int, int], str] = {}
    made = {}
    for entry in found:
        if entry.inode not in contents or stat.S_ISDIR(entry.mode):
            contents[entry.inode] = _content(entry)
        linked = groups.get(entry.inode, [])
        made[entry.path] = _record(entry, contents[entry.inode], linked)
    return made


def _content(entry: Entry) -> str:
    if not stat.S_ISREG(entry.mode):
        return ""
    content = hashlib.sha256()
    for chunk in entry.chunks():
        content.update(chunk)
    return content.hexdigest()


def _record(entry: Entry, content: str, linked: list[bytes]) -> str:
    """The checksum of all that is told of one entry; `linked` are the paths of the same file."""
    kind = stat.S_IFMT(entry.mode)
    told = [
        kind,
        stat.S_IMODE(entry.mode) if kind != stat.S_IFLNK else 0,
        entry.uid,
        entry.gid,
        entry.mtime,
        entry.size if kind == stat.S_IFREG else 0,
        entry.rdev if kind in (stat.S_IFCHR, stat.S_IFBLK) else 0,
        entry.target,
        content,
        linked[0] if len(linked) > 1 else b"",
        sorted(pair for pair in entry.xattrs.items() if pair[0].startswith(b"user.")),
    ]
    return hashlib.sha256(repr(told).encode()).hexdigest()


# A container's tree


def of_tree(tree: Tree) -> Iterator[Entry]:
    """The entries of a tree, without its top."""
    folders = [b""]
    while folders:
        folder = folders.pop()
        for name, ino, mode in tree.readdir(folder):
            path = folder + b"/" + name if folder else name
            if stat.S_ISDIR(mode):
                folders.append(path)
            yield _entry_of_tree(tree, path, ino)


def _entry_of_tree(tree: Tree, path: bytes, ino: int) -> Entry:
    found = tree.getattr(ino)
    size = found["st_size"]

    def chunks() -> Iterator[bytes]:
        for offset in range(0, size, BLOCK):
            yield tree.read(ino, BLOCK, offset)

    link = stat.S_ISLNK(found["st_mode"])
    return Entry(
        path=path,
        inode=(0, ino),
        mode=found["st_mode"],
        uid=found["st_uid"],
        gid=found["st_gid"],
        mtime=found["st_mtime"],
        size=size,
        rdev=found["st_rdev"],
        target=tree.readlink(ino) if link else b"",
        xattrs=tree.xattrs(ino),
        chunks=chunks,
    )


# A real folder


def of_folder(top: Path) -> Iterator[Entry]:
    """The entries of a folder of this machine. Raises OSError where something cannot be read."""
    folders = [b""]
    start = os.fsencode(top)
    while folders:
        folder = folders.pop()
        for name in os.listdir(os.path.join(start, folder)):  # noqa: PTH118, PTH208 - bytes
            path = folder + b"/" + name if folder else name
            entry = _entry_of_folder(start + b"/" + path, path)
            if stat.S_ISDIR(entry.mode):
                folders.append(path)
            yield entry


def _entry_of_folder(real: bytes, path: bytes) -> Entry:
    found = os.lstat(real)
    link = stat.S_ISLNK(found.st_mode)

    def chunks() -> Iterator[bytes]:
        with open(real, "rb", buffering=0) as file:  # noqa: PTH123 - bytes
            while chunk := file.read(BLOCK):
                yield chunk

    return Entry(
        path=path,
        inode=(found.st_dev, found.st_ino),
        mode=found.st_mode,
        uid=found.st_uid,
        gid=found.st_gid,
        mtime=found.st_mtime_ns,
        size=found.st_size,
        rdev=found.st_rdev,
        target=os.readlink(real) if link else b"",  # noqa: PTH115 - bytes
        xattrs={} if link else _xattrs(real),
        chunks=chunks,
    )


def _xattrs(real: bytes) -> dict[bytes, bytes]:
    names = [os.fsencode(name) for name in os.listxattr(real, follow_symlinks=False)]
    return {name: os.getxattr(real, name, follow_symlinks=False) for name in names}
