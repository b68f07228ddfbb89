"""Makes a destination ready: what does not belong there goes, what copiers do not make is made."""

import contextlib
import os
from typing import Optional, Set

from .beneath import ROOT, Beneath, by_number, held
from .tree import FILE, FOLDER, FORMATS, LINK, Entry, Tree

_OURS = 0o700


def clear(target: bytes, want: Tree, have: Tree, trusted: bool) -> Set[bytes]:
    """Remove all that is not as in the source; the files that stay, since they are complete.

    A file is complete if its size and its time of modification, to the nanosecond, are the
    source's: cp and dcp set the time when all else of the file is there.

    + trusted: False where a file may look complete and not be it; then all files go
    """
    complete: Set[bytes] = set()
    gone = []
    with Beneath(target) as beneath:
        for path, entry in have.items():
            if entry.type == FOLDER and entry.mode & _OURS != _OURS:
                with held(beneath, path) as folder:
                    os.chmod(by_number(folder), entry.mode | _OURS)
            if not _stays(want.get(path), entry, complete, trusted):
                gone.append(entry)
            elif entry.type == FILE:
                complete.add(path)
        for entry in reversed(gone):
            remove(beneath, entry)
    return complete


def remove(beneath: Beneath, entry: Entry) -> None:
    """Remove an entry, unless it is gone already."""
    with contextlib.suppress(FileNotFoundError), beneath.at(entry.path) as (folder, name):
        if entry.type == FOLDER:
            os.rmdir(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)


def make(target: bytes, want: Tree) -> None:
    """Make folders, symbolic links, FIFOs, sockets and devices. Attributes come later (`mend`)."""
    with Beneath(target) as beneath:
        for path, entry in want.items():
            if path != ROOT and entry.type != FILE and not entry.leader:
                with contextlib.suppress(FileExistsError), beneath.at(path) as (folder, name):
                    _make(folder, name, entry)


def _stays(want: Optional[Entry], have: Entry, complete: Set[bytes], trusted: bool) -> bool:
    if want is None or want.type != have.type:
        return False
    if have.type == FILE:
        same = (want.size, want.time, want.leader) == (have.size, have.time, have.leader)
        return trusted and same and (not have.leader or have.leader in complete)
    return (want.target, want.device, want.leader) == (have.target, have.device, have.leader)


def _make(folder: int, name: bytes, entry: Entry) -> None:
    if entry.type == FOLDER:
        os.mkdir(name, _OURS, dir_fd=folder)
    elif entry.type == LINK:
        os.symlink(entry.target, name, dir_fd=folder)
    else:
        os.mknod(name, FORMATS[entry.type] | 0o600, entry.device, dir_fd=folder)
