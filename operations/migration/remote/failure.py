"""What ends a command: in words that name the file, its file system, and what to do."""

import errno
import os
from typing import List, Optional

_FULL = (errno.ENOSPC, errno.EDQUOT)
_SHOWN = 5


class Failure(Exception):
    """A command cannot go on; the message says why, and what to do."""


class Stopped(BaseException):
    """The command was told to end, by SIGTERM."""


def text(path: bytes) -> str:
    """A path for JSON and messages; bytes that are no UTF-8 become lone surrogates."""
    return path.decode("utf-8", "surrogateescape")


def explain(error: OSError) -> str:
    """An error of the operating system with the file, and with the file system if that is full."""
    path = _path(error)
    name = text(path) + ": " if path else ""
    said = "{}{}".format(name, error.strerror or error)
    if error.errno in _FULL and path:
        said += "; " + room(path)
    return said


def some(names: List[str]) -> str:
    """The first few of many names."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (" and {} more".format(more) if more > 0 else "")


def room(path: bytes) -> str:
    """How much the file system that a path is on has left, and what to do if that is too little."""
    place = _mount_point(path)
    if place is None:
        return "make room there and type the same command again: what is copied stays"
    state = os.statvfs(place)
    return (
        "the file system {} has {} MiB and {} inodes left of {} MiB: make room there and type the "
        "same command again; what is copied stays".format(
            text(place),
            state.f_bavail * state.f_frsize >> 20,
            state.f_favail,
            state.f_blocks * state.f_frsize >> 20,
        )
    )


def _path(error: OSError) -> bytes:
    """Of symlink(2) and link(2) the second name is the one that is made."""
    found = error.filename2 or error.filename
    if found is None or isinstance(found, int):
        return b""
    return os.fsencode(found)


def _mount_point(path: bytes) -> Optional[bytes]:
    path = os.path.abspath(path)
    while not os.path.ismount(path):
        above = os.path.dirname(path)
        if above == path:
            return None
        path = above
    return path
