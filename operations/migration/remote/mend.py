"""Sets what a copier does not carry: hard links, attributes, owners, modes, times."""

import os
import stat
from typing import Optional

from .beneath import Beneath, by_number, held
from .progress import Progress
from .tree import FILE, FOLDER, FORMATS, LINK, Entry, Tree, walk


def mend(target: bytes, want: Tree, progress: Progress) -> None:
    """Make every entry of the destination what it is in the source, but for what files hold.

    A file of another size is left alone: its copy is not complete, and must not look like it.
    Folders come last, and the inner ones first, since what is made in one changes its time.
    """
    have = walk(target, progress)
    with Beneath(target) as beneath:
        for path, entry in want.items():
            if entry.leader and entry.leader in have:
                _link(beneath, entry, have.get(path))
                have.pop(path, None)
        folders = []
        for path, entry in want.items():
            there = have.get(path)
            if there is None or (there.type, there.size) != (entry.type, entry.size):
                continue
            if entry.type == FOLDER:
                folders.append((entry, there))
            else:
                _attributes(beneath, entry, there)
        for entry, there in reversed(folders):
            _attributes(beneath, entry, there)


def _link(beneath: Beneath, want: Entry, have: Optional[Entry]) -> None:
    """dcp makes a file of its own out of each hard link."""
    if have is not None and have.leader == want.leader:
        return
    with beneath.at(want.leader) as (folder, leader):
        first = os.dup(folder)
    try:
        with beneath.at(want.path) as (folder, name):
            if have is not None:
                os.unlink(name, dir_fd=folder)
            os.link(leader, name, src_dir_fd=first, dst_dir_fd=folder, follow_symlinks=False)
    finally:
        os.close(first)


def _attributes(beneath: Beneath, want: Entry, have: Entry) -> None:
    """The owner before the mode, since chown(2) takes the set-user-ID bit away."""
    chown = (want.uid, want.gid) != (have.uid, have.gid)
    if want.type == LINK:
        _of_link(beneath, want, have, chown)
        return
    with held(beneath, want.path) as entry:
        if stat.S_IFMT(os.fstat(entry).st_mode) != FORMATS[want.type]:
            return  # the comparison that follows says so
        place = by_number(entry)
        if want.type in (FILE, FOLDER) and want.xattrs != have.xattrs:
            have = _writable(place, have)
            _xattrs(place, want, have)
        if chown:
            os.chown(place, want.uid, want.gid)
        if chown or want.mode != have.mode:
            os.chmod(place, want.mode)
        if want.type == FOLDER or want.time != have.time:
            os.utime(place, ns=(want.atime, want.time))


def _of_link(beneath: Beneath, want: Entry, have: Entry, chown: bool) -> None:
    with beneath.at(want.path) as (folder, name):
        if chown:
            os.chown(name, want.uid, want.gid, dir_fd=folder, follow_symlinks=False)
        if want.time != have.time:
            times = (want.atime, want.time)
            os.utime(name, ns=times, dir_fd=folder, follow_symlinks=False)


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
