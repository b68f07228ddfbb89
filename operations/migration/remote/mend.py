"""Sets what a copier does not carry: hard links, attributes, owners, modes, times."""

import os
import stat
from typing import Optional

from .progress import Progress
from .tree import FILE, FOLDER, LINK, Entry, Tree, full, walk


def mend(target: bytes, want: Tree, progress: Progress) -> None:
    """Make every entry of the destination what it is in the source, but for what files hold.

    A file of another size is left alone: its copy is not complete, and must not look like it.
    Folders come last, and the inner ones first, since what is made in one changes its time.
    """
    have = walk(target, progress)
    for path, entry in want.items():
        if entry.leader and entry.leader in have:
            _link(target, entry, have.get(path))
            have.pop(path, None)
    folders = []
    for path, entry in want.items():
        there = have.get(path)
        if there is None or (there.type, there.size) != (entry.type, entry.size):
            continue
        if entry.type == FOLDER:
            folders.append((entry, there))
        else:
            _attributes(full(target, path), entry, there)
    for entry, there in reversed(folders):
        _attributes(full(target, entry.path), entry, there)


def _link(target: bytes, want: Entry, have: Optional[Entry]) -> None:
    """dcp makes a file of its own out of each hard link."""
    if have is not None and have.leader == want.leader:
        return
    place = full(target, want.path)
    if have is not None:
        os.unlink(place)
    os.link(full(target, want.leader), place, follow_symlinks=False)


def _attributes(place: bytes, want: Entry, have: Entry) -> None:
    """The owner before the mode, since chown(2) takes the set-user-ID bit away."""
    if want.type in (FILE, FOLDER) and want.xattrs != have.xattrs:
        have = _writable(place, have)
        _xattrs(place, want, have)
    owner = (want.uid, want.gid)
    chown = owner != (have.uid, have.gid)
    if chown:
        os.chown(place, want.uid, want.gid, follow_symlinks=False)
    if want.type != LINK and (chown or want.mode != have.mode):
        os.chmod(place, want.mode)
    if want.type == FOLDER or want.time != have.time:
        os.utime(place, ns=(want.atime, want.time), follow_symlinks=False)


def _writable(place: bytes, have: Entry) -> Entry:
    """Who is not root needs the right to write for extended attributes."""
    mode = have.mode | stat.S_IWUSR
    if mode != have.mode:
        os.chmod(place, mode)
    return have._replace(mode=mode)


def _xattrs(place: bytes, want: Entry, have: Entry) -> None:
    wanted, there = dict(want.xattrs), dict(have.xattrs)
    for name in set(there) - set(wanted):
        os.removexattr(place, name)
    for name, value in wanted.items():
        if there.get(name) != value:
            os.setxattr(place, name, value)
