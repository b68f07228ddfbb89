"""Makes a destination ready: what does not belong there goes, what copiers do not make is made."""

import os
from typing import Optional, Set

from .tree import FILE, FOLDER, FORMATS, LINK, Entry, Tree, full

_OURS = 0o700


def clear(target: bytes, want: Tree, have: Tree, trusted: bool) -> Set[bytes]:
    """Remove all that is not as in the source; the files that stay, since they are complete.

    A file is complete if its size and its time of modification, to the nanosecond, are the
    source's: cp and dcp set the time when all else of the file is there.

    + trusted: False where a file may look complete and not be it; then all files go
    """
    complete: Set[bytes] = set()
    gone = []
    for path, entry in have.items():
        place = full(target, path)
        if entry.type == FOLDER and entry.mode & _OURS != _OURS:
            os.chmod(place, entry.mode | _OURS)
        if not _stays(want.get(path), entry, complete, trusted):
            gone.append((entry.type, place))
        elif entry.type == FILE:
            complete.add(path)
    for kind, place in reversed(gone):
        if kind == FOLDER:
            os.rmdir(place)
        else:
            os.unlink(place)
    return complete


def make(target: bytes, want: Tree) -> None:
    """Make folders, symbolic links, FIFOs, sockets and devices. Attributes come later (`mend`)."""
    for path, entry in want.items():
        place = full(target, path)
        if entry.type != FILE and not entry.leader and not os.path.lexists(place):
            _make(place, entry)


def _stays(want: Optional[Entry], have: Entry, complete: Set[bytes], trusted: bool) -> bool:
    if want is None or want.type != have.type:
        return False
    if have.type == FILE:
        same = (want.size, want.time, want.leader) == (have.size, have.time, have.leader)
        return trusted and same and (not have.leader or have.leader in complete)
    return (want.target, want.device, want.leader) == (have.target, have.device, have.leader)


def _make(place: bytes, entry: Entry) -> None:
    if entry.type == FOLDER:
        os.mkdir(place, _OURS)
    elif entry.type == LINK:
        os.symlink(entry.target, place)
    else:
        os.mknod(place, FORMATS[entry.type] | 0o600, entry.device)
