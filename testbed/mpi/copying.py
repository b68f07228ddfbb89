"""What dcp does to one entry of a tree: find it, make it, fill it, give it its owner and times.

Paths are bytes, as names need not be UTF-8. What fails is an OSError.
"""
# pathlib has no paths of bytes:
# ruff: noqa: PTH101, PTH103, PTH115, PTH118, PTH211

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

_LUSTRE = b"lustre."
_BUFFER = 4 << 20  # bytes, as the real one


@dataclass(frozen=True)
class Entry:
    """One entry of a source, and where it goes.

    + kind: "folder", "file", "link", or "other", which is not copied
    """

    source: bytes
    target: bytes
    kind: str


def entries(
    source: bytes, target: bytes, failed: Callable[[Entry, OSError], None]
) -> Iterator[Entry]:
    """The entries of a tree, each folder before what is in it.

    + failed: called with a folder that cannot be read

    A file system whose directories tell the types of their entries is not asked about each entry.
    """
    top = Entry(source, target, _kind(os.lstat(source).st_mode))
    yield top
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        if folder.kind != "folder":
            continue
        try:
            inside = _inside(folder)
        except OSError as error:
            failed(folder, error)
            continue
        yield from inside
        waiting += inside


def _inside(folder: Entry) -> list[Entry]:
    with os.scandir(folder.source) as found:
        return [
            Entry(item.path, os.path.join(folder.target, item.name), _kind_listed(item))
            for item in found
        ]


def _kind(mode: int) -> str:
    known = {stat.S_IFDIR: "folder", stat.S_IFREG: "file", stat.S_IFLNK: "link"}
    return known.get(stat.S_IFMT(mode), "other")


def _kind_listed(item: os.DirEntry[bytes]) -> str:
    if item.is_symlink():
        return "link"
    if item.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if item.is_file(follow_symlinks=False) else "other"


def make_folder(target: bytes) -> None:
    """Make a folder and those above it; others may be doing the same."""
    os.makedirs(target, 0o700, exist_ok=True)


def make_link(entry: Entry) -> None:
    """Make a symbolic link, unless something is there already."""
    with suppress(FileExistsError):
        os.symlink(os.readlink(entry.source), entry.target)


def make_file(entry: Entry, sparse: bool) -> int:
    """Make a file without content; give how many bytes it is to have.

    One that is there already is cut where it is longer than it shall be, or shall have holes.
    """
    size = os.lstat(entry.source).st_size
    try:
        os.close(os.open(entry.target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if sparse or os.lstat(entry.target).st_size > size:
            os.truncate(entry.target, 0)
    return size


def fill(entry: Entry, size: int, start: int, end: int, sparse: bool) -> int:
    """Copy the bytes of a file from `start` to before `end`; give how many were read.

    + size: of the whole file
    + sparse: leave out what is nothing but zeros
    """
    with _opened(entry.source, os.O_RDONLY) as source, _opened(entry.target, os.O_WRONLY) as target:
        at = start
        while at < end:
            piece = os.pread(source, min(_BUFFER, end - at), at)
            if not piece:
                raise OSError(errno.EIO, f"shorter than expected size of {size} bytes")
            if not (sparse and piece.count(0) == len(piece)):
                _write(target, piece, at)
            at += len(piece)
        if sparse and end == size:
            os.ftruncate(target, size)
    return end - start


@contextmanager
def _opened(path: bytes, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write(target: int, piece: bytes, at: int) -> None:
    rest = memoryview(piece)
    while rest:
        written = os.pwrite(target, rest, at)
        rest, at = rest[written:], at + written


def copy_attributes(entry: Entry) -> None:
    """Copy the extended attributes, all but those that are Lustre's own business."""
    try:
        names = os.listxattr(entry.source, follow_symlinks=False)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return
        raise
    for name in names:
        if not os.fsencode(name).startswith(_LUSTRE):
            value = os.getxattr(entry.source, name, follow_symlinks=False)
            os.setxattr(entry.target, name, value, follow_symlinks=False)


def finish(entry: Entry, preserve: bool) -> None:
    """Give an entry the permissions of its source, with `preserve` its owner and times, too."""
    told = os.lstat(entry.source)
    if preserve:
        os.chown(entry.target, told.st_uid, told.st_gid, follow_symlinks=False)
    if entry.kind != "link":
        os.chmod(entry.target, stat.S_IMODE(told.st_mode))
    if preserve:
        times = (told.st_atime_ns, told.st_mtime_ns)
        os.utime(entry.target, ns=times, follow_symlinks=False)
