"""What a folder holds: every entry with what a copy has to keep of it."""

import errno
import os
import stat
from typing import Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from .beneath import ROOT, Beneath, by_number
from .container import Container
from .failure import Failure, text
from .progress import Progress

FILE, FOLDER, LINK = "file", "dir", "link"
_TYPES = {
    stat.S_IFREG: FILE,
    stat.S_IFDIR: FOLDER,
    stat.S_IFLNK: LINK,
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFBLK: "block",
    stat.S_IFCHR: "char",
}
FORMATS = {kind: number for number, kind in _TYPES.items()}
_NO_XATTRS = (errno.ENOTSUP, errno.ENOSYS, errno.ENODATA)


class Entry(NamedTuple):
    """An entry of a tree.

    + path: below the tree's root, which itself is b"."
    + type: "file", "dir", "link", "fifo", "socket", "block" or "char", as in mtree(5)
    + size: bytes, 0 if it is no file
    + mode: permissions with the set-user-ID, set-group-ID and sticky bits
    + time, atime, ctime: nanoseconds since 1970; `time` is that of the last modification
    + target: where a symbolic link leads
    + leader: the first path of the same file, where that is another one (a hard link); else b""
    + xattrs: extended attributes of the name space `user`, by name
    + device: number of a device
    + digest: SHA-256 in hexadecimal; "" if it was not taken
    + blocks: bytes that it takes on the storage
    """

    path: bytes
    type: str
    size: int
    mode: int
    uid: int
    gid: int
    time: int
    target: bytes = b""
    leader: bytes = b""
    xattrs: Tuple[Tuple[bytes, bytes], ...] = ()
    device: int = 0
    digest: str = ""
    atime: int = 0
    ctime: int = 0
    blocks: int = 0


Tree = Dict[bytes, Entry]
"""Entries by path; folders stand before what is in them, names in the order of their bytes."""


def walk(
    root: bytes, progress: Progress, xattrs: bool = True, container: Optional[Container] = None
) -> Tree:
    """Everything below a folder, and the folder itself. What vanishes meanwhile is left out.

    + xattrs: read extended attributes of files, too
    + container: the container that all of it has to be of; None where it is none of DAOS

    Raises OSError, and Failure where another file system is mounted in it, or another container.
    """
    tree: Tree = {}
    first: Dict[Tuple[int, int], bytes] = {}
    seen: Set[bytes] = set()  # the folders of which a file has told its container
    with Beneath(root) as beneath:
        top = beneath.look(ROOT)
        pending = [ROOT]
        while pending:
            path = pending.pop()
            try:
                status = top if path == ROOT else beneath.look(path)
                leader = _leader(first, status, path)
                tree[path] = entry = look(beneath, path, status, leader, xattrs)
                if container:
                    _check_container(container, beneath, entry, seen)
                if entry.type == FOLDER:
                    pending.extend(sorted(_below(beneath, path, top), reverse=True))
            except FileNotFoundError:
                if path == ROOT:
                    raise
            progress.add(files=1)
    return tree


def _check_container(
    container: Container, beneath: Beneath, entry: Entry, seen: Set[bytes]
) -> None:
    for name, _ in entry.xattrs if entry.type == FOLDER else ():
        container.check_attribute(name, beneath.full(entry.path))
    folder = os.path.dirname(entry.path)
    if entry.type == FILE and folder not in seen and container.check_in(beneath, entry.path):
        seen.add(folder)


def look(
    beneath: Beneath,
    path: bytes,
    status: os.stat_result,
    leader: bytes = b"",
    xattrs: bool = True,
) -> Entry:
    """One entry, given what lstat(2) says of it."""
    kind = _TYPES[stat.S_IFMT(status.st_mode)]
    return Entry(
        path=path,
        type=kind,
        size=status.st_size if kind == FILE else 0,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        time=status.st_mtime_ns,
        target=_target(beneath, path) if kind == LINK else b"",
        leader=leader,
        xattrs=_xattrs(beneath, path) if kind == FOLDER or (xattrs and kind == FILE) else (),
        device=status.st_rdev if kind in ("block", "char") else 0,
        atime=status.st_atime_ns,
        ctime=status.st_ctime_ns,
        blocks=status.st_blocks * 512,
    )


def differences(want: Entry, have: Entry) -> List[str]:
    """In what an entry is not what it should be; digests only where both have been taken."""
    if want.type != have.type:
        return ["type"]
    pairs: List[Tuple[str, object, object]] = [
        ("size", want.size, have.size),
        ("owner", (want.uid, want.gid), (have.uid, have.gid)),
        ("time", want.time, have.time),
        ("target", want.target, have.target),
        ("links", want.leader, have.leader),
        ("xattrs", want.xattrs, have.xattrs),
        ("device", want.device, have.device),
    ]
    if want.type != LINK:
        pairs.append(("mode", want.mode, have.mode))
    if want.digest and have.digest:
        pairs.append(("digest", want.digest, have.digest))
    return sorted(key for key, one, other in pairs if one != other)


def alone(tree: Tree) -> List[Entry]:
    """The files; of one with several names the first alone."""
    return [entry for entry in tree.values() if entry.type == FILE and not entry.leader]


def files(tree: Tree) -> int:
    """How many names of files a tree has."""
    return sum(entry.type == FILE for entry in tree.values())


def size(entries: Iterable[Entry]) -> int:
    """The bytes of files; those of a file with several names once."""
    return sum(entry.size for entry in entries if not entry.leader)


def _leader(first: Dict[Tuple[int, int], bytes], status: os.stat_result, path: bytes) -> bytes:
    # st_nlink says less: dfuse may still give the count of before a link was made.
    if stat.S_ISDIR(status.st_mode):
        return b""
    found = first.setdefault((status.st_dev, status.st_ino), path)
    return b"" if found == path else found


def _below(beneath: Beneath, path: bytes, top: os.stat_result) -> List[bytes]:
    with beneath.inside(path) as folder:
        if os.fstat(folder).st_dev != top.st_dev:
            raise Failure(
                "{0}: another file system is mounted there; `umount {0}` first".format(
                    text(beneath.full(path))
                )
            )
    return beneath.names(path)


def _target(beneath: Beneath, path: bytes) -> bytes:
    with beneath.at(path) as (folder, name):
        return os.readlink(name, dir_fd=folder)


def _xattrs(beneath: Beneath, path: bytes) -> Tuple[Tuple[bytes, bytes], ...]:
    try:
        with beneath.at(path) as (folder, name):
            place = os.path.join(by_number(folder), name)
            names = sorted(map(os.fsencode, os.listxattr(place, follow_symlinks=False)))
            return tuple(
                (name, os.getxattr(place, name, follow_symlinks=False))
                for name in names
                if name.startswith(b"user.")
            )
    except OSError as error:
        if error.errno in _NO_XATTRS:
            return ()
        raise
