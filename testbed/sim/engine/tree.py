"""The file tree of a POSIX container: one SQLite file on one engine, with the rules of POSIX.

Names and paths are bytes, times are nanoseconds since 1970. A path begins at the container's root,
which is b"/"; symbolic links in it are not followed (the kernel of the node that mounts it does).
What a file system refuses is an OSError with its errno. Permissions are not checked here: dfuse
leaves them to the kernel, too. Access times change only where they are set.
"""

import contextlib
import errno
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

BLOCK = 128 * 1024  # bytes; a block that is not stored is a hole
ROOT = 1
NAME_MAX = 255
_XATTR_CREATE, _XATTR_REPLACE = 1, 2
_INODE = ("mode", "uid", "gid", "atime", "mtime", "ctime", "size", "rdev", "nlink", "used")
_SCHEMA = """
PRAGMA page_size = 8192;
CREATE TABLE inodes (
    ino INTEGER PRIMARY KEY AUTOINCREMENT, mode INTEGER, uid INTEGER, gid INTEGER, atime INTEGER,
    mtime INTEGER, ctime INTEGER, size INTEGER, rdev INTEGER, nlink INTEGER, used INTEGER,
    target BLOB
);
CREATE TABLE entries (
    parent INTEGER, name BLOB, ino INTEGER, PRIMARY KEY (parent, name)
) WITHOUT ROWID;
CREATE TABLE xattrs (ino INTEGER, name BLOB, value BLOB, PRIMARY KEY (ino, name)) WITHOUT ROWID;
CREATE TABLE blocks (ino INTEGER, number INTEGER, data BLOB, UNIQUE (ino, number));
"""

Where = bytes | int
"""A path, or the number of an inode that a call has given before."""


def _error(number: int, path: Where = b"") -> OSError:
    return OSError(number, os.strerror(number), path)


class Tree:
    """A tree in the file `path`, which is made where there is none. May be used by several threads.

    + owner: the user and group that the root of a new tree belongs to
    + clock: gives the time in nanoseconds
    """

    def __init__(
        self, path: Path, owner: tuple[int, int] = (0, 0), clock: Callable[[], int] = time.time_ns
    ) -> None:
        import sqlite3  # 6 ms, which an engine without trees does not need

        self._clock = clock
        self._lock = threading.RLock()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o666)  # SQLite itself would let nobody else write, whatever the umask
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # It survives the end of the process; that of the machine it need not.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA synchronous = OFF")
        if not self._db.execute("SELECT 1 FROM sqlite_master").fetchone():
            self._db.executescript(f"BEGIN; {_SCHEMA}")
            self._new_inode(stat.S_IFDIR | 0o755, *owner)
            self._db.execute("COMMIT")
        self._db.execute("PRAGMA journal_mode = WAL")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Changes that are all made, or none of them where one fails."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    # Looking

    def getattr(self, where: Where) -> dict[str, Any]:
        """The attributes, with the names of struct stat; times in nanoseconds.

        `leads` is there where a folder leads into another container (see client.namespace).
        """
        with self._lock:
            ino = self._ino(where)
            found = self._inode(ino)
            leads = self._leads(ino) if stat.S_ISDIR(found["mode"]) and ino != ROOT else {}
        found["blocks"] = -(-found.pop("used") // 512)
        return {"st_ino": ino, **{f"st_{name}": value for name, value in found.items()}, **leads}

    def _leads(self, ino: int) -> dict[str, bytes]:
        asked = "SELECT value FROM xattrs WHERE ino = ? AND name = ?"
        row = self._db.execute(asked, (ino, b"user.daos")).fetchone()
        return {"leads": row[0]} if row else {}

    def readdir(self, where: Where) -> list[tuple[bytes, int, int]]:
        """Name, inode and mode of each entry, in the order of the names."""
        with self._lock:
            return self._db.execute(
                "SELECT name, ino, mode FROM entries JOIN inodes USING (ino)"
                " WHERE parent = ? ORDER BY name",
                (self._folder(where),),
            ).fetchall()

    def readlink(self, where: Where) -> bytes:
        """What a symbolic link points to."""
        with self._lock:
            row = self._row("SELECT target FROM inodes WHERE ino = ?", self._ino(where))
        if row[0] is None:
            raise _error(errno.EINVAL, where)
        return bytes(row[0])

    def read(self, where: Where, size: int, offset: int) -> bytes:
        """A part of a file; less than `size` bytes only at its end."""
        with self._lock:
            ino = self._ino(where)
            size = max(0, min(size, self._inode(ino)["size"] - offset))
            parts = []
            for number, start, count in _blocks(offset, size):
                data = self._block(ino, number)[start : start + count]
                parts.append(data + bytes(count - len(data)))
        return b"".join(parts)

    def used(self) -> int:
        """The bytes that all files together take."""
        with self._lock:
            return int(self._row("SELECT total(used) FROM inodes")[0])

    # Making and removing entries

    def create(self, path: bytes, mode: int, uid: int, gid: int, rdev: int = 0) -> int:
        """Make a regular file, FIFO, socket or device; returns its inode."""
        with self.changing():
            kind = stat.S_IFMT(mode) or stat.S_IFREG
            return self._add(path, kind | stat.S_IMODE(mode), uid, gid, rdev)

    def mkdir(self, path: bytes, mode: int, uid: int, gid: int) -> int:
        """Make a folder; in one with the set-group-ID bit it inherits that bit."""
        with self.changing():
            parent, _ = self._parent(path)
            inherited = self._inode(parent)["mode"] & stat.S_ISGID
            ino = self._add(path, stat.S_IFDIR | stat.S_IMODE(mode) | inherited, uid, gid)
            self._count_link(parent, 1)
            return ino

    def symlink(self, path: bytes, target: bytes, uid: int, gid: int) -> int:
        """Make a symbolic link."""
        with self.changing():
            ino = self._add(path, stat.S_IFLNK | 0o777, uid, gid)
            self._set(ino, target=target, size=len(target))
            return ino

    def link(self, old: Where, new: bytes) -> None:
        """Make a hard link."""
        with self.changing():
            ino = self._ino(old)
            self._enter(new, ino)
            if stat.S_ISDIR(self._inode(ino)["mode"]):
                raise _error(errno.EPERM, old)
            self._count_link(ino, 1)
            self._set(ino, ctime=self._clock())

    def unlink(self, path: bytes) -> None:
        """Remove an entry that is no folder; the last one of a file takes the file with it."""
        with self.changing():
            parent, name = self._parent(path)
            ino = self._child(parent, name, path)
            if stat.S_ISDIR(self._inode(ino)["mode"]):
                raise _error(errno.EISDIR, path)
            self._remove(parent, name)
            self._drop(ino)

    def rmdir(self, path: bytes) -> None:
        """Remove an empty folder."""
        with self.changing():
            parent, name = self._parent(path)
            ino = self._child(parent, name, path)
            self._check_empty_folder(ino, path)
            self._remove(parent, name)
            self._forget(ino)
            self._count_link(parent, -1)

    def rename(self, old: bytes, new: bytes) -> None:
        """Move an entry; what was there under the new name is replaced, where it may be."""
        with self.changing():
            parent, name = self._parent(old)
            ino = self._child(parent, name, old)
            target_parent, target_name = self._parent(new)
            there = self._lookup(target_parent, target_name)
            if there == ino:
                return
            folder = stat.S_ISDIR(self._inode(ino)["mode"])
            if folder and self._is_above(ino, target_parent):
                raise _error(errno.EINVAL, new)
            if there is not None:
                if self._is_above(there, parent):
                    raise _error(errno.ENOTEMPTY, new)
                self._check_replaceable(folder, there, new)
                self._remove(target_parent, target_name)
                self._replaced(there, target_parent)
            self._remove(parent, name)
            self._enter(new, ino)
            if folder:
                self._count_link(parent, -1)
                self._count_link(target_parent, 1)
            self._set(ino, ctime=self._clock())

    def _check_replaceable(self, folder: bool, there: int, path: bytes) -> None:
        if folder:
            self._check_empty_folder(there, path)
        elif stat.S_ISDIR(self._inode(there)["mode"]):
            raise _error(errno.EISDIR, path)

    def _replaced(self, there: int, parent: int) -> None:
        if stat.S_ISDIR(self._inode(there)["mode"]):
            self._forget(there)
            self._count_link(parent, -1)
        else:
            self._drop(there)

    def _is_above(self, ino: int, folder: int) -> bool:
        """Is `ino` this folder, or one that it is in?"""
        while folder not in (ino, ROOT):
            folder = self._row("SELECT parent FROM entries WHERE ino = ?", folder)[0]
        return folder == ino

    def _check_empty_folder(self, ino: int, path: bytes) -> None:
        if not stat.S_ISDIR(self._inode(ino)["mode"]):
            raise _error(errno.ENOTDIR, path)
        if self._row("SELECT 1 FROM entries WHERE parent = ?", ino):
            raise _error(errno.ENOTEMPTY, path)

    # Contents

    def write(self, where: Where, data: bytes, offset: int) -> int:
        """Write into a file, and make it longer where that is needed; returns how many bytes."""
        with self.changing():
            ino = self._ino(where)
            inode = self._inode(ino)
            if not data:
                return 0
            used, done = inode["used"], 0
            for number, start, count in _blocks(offset, len(data)):
                before = self._block(ino, number)
                piece = data[done : done + count]
                after = before[:start] + bytes(max(0, start - len(before))) + piece
                after += before[len(after) :]
                self._store(ino, number, after)
                used += len(after) - len(before)
                done += count
            now = self._clock()
            size = max(inode["size"], offset + len(data))
            self._set(ino, size=size, used=used, mtime=now, ctime=now)
            return len(data)

    def truncate(self, where: Where, size: int) -> None:
        """Set a file's length; what is added is a hole."""
        with self.changing():
            ino = self._ino(where)
            number, rest = divmod(size, BLOCK)
            last = self._block(ino, number)[:rest]
            self._db.execute("DELETE FROM blocks WHERE ino = ? AND number >= ?", (ino, number))
            if last:
                self._store(ino, number, last)
            used = self._row("SELECT total(length(data)) FROM blocks WHERE ino = ?", ino)[0]
            now = self._clock()
            self._set(ino, size=size, used=int(used), mtime=now, ctime=now)

    # Attributes

    def chmod(self, where: Where, mode: int) -> None:
        """Set the permission bits."""
        with self.changing():
            ino = self._ino(where)
            kind = stat.S_IFMT(self._inode(ino)["mode"])
            self._set(ino, mode=kind | stat.S_IMODE(mode), ctime=self._clock())

    def chown(self, where: Where, uid: int, gid: int) -> None:
        """Set user and group; -1 leaves one as it is."""
        with self.changing():
            ino = self._ino(where)
            owner = {key: value for key, value in (("uid", uid), ("gid", gid)) if value != -1}
            self._set(ino, **owner, ctime=self._clock())

    def utimens(self, where: Where, atime: int | None, mtime: int | None) -> None:
        """Set times; None leaves one as it is, -1 is the present time."""
        with self.changing():
            ino, now = self._ino(where), self._clock()
            given = {"atime": atime, "mtime": mtime}
            times = {key: now if t == -1 else t for key, t in given.items() if t is not None}
            self._set(ino, **times, ctime=now)

    def xattrs(self, where: Where) -> dict[bytes, bytes]:
        """The extended attributes, by name."""
        with self._lock:
            asked = "SELECT name, value FROM xattrs WHERE ino = ? ORDER BY name"
            return dict(self._db.execute(asked, (self._ino(where),)).fetchall())

    def setxattr(self, where: Where, name: bytes, value: bytes, flags: int = 0) -> None:
        """Set an extended attribute; `flags` as of setxattr(2)."""
        with self.changing():
            there = name in self.xattrs(where)
            if flags & _XATTR_CREATE and there:
                raise _error(errno.EEXIST, where)
            if flags & _XATTR_REPLACE and not there:
                raise _error(errno.ENODATA, where)
            ino = self._ino(where)
            self._db.execute("INSERT OR REPLACE INTO xattrs VALUES (?, ?, ?)", (ino, name, value))
            self._set(ino, ctime=self._clock())

    def removexattr(self, where: Where, name: bytes) -> None:
        """Remove an extended attribute."""
        with self.changing():
            ino = self._ino(where)
            remove = "DELETE FROM xattrs WHERE ino = ? AND name = ?"
            if not self._db.execute(remove, (ino, name)).rowcount:
                raise _error(errno.ENODATA, where)
            self._set(ino, ctime=self._clock())

    # From paths to inodes

    def _ino(self, where: Where) -> int:
        if isinstance(where, int):
            return where
        ino = ROOT
        for name in where.split(b"/"):
            if name:
                ino = self._child(ino, name, where)
        return ino

    def _child(self, parent: int, name: bytes, path: Where) -> int:
        ino = self._lookup(parent, name)
        if ino is None:
            folder = stat.S_ISDIR(self._inode(parent)["mode"])
            raise _error(errno.ENOENT if folder else errno.ENOTDIR, path)
        return ino

    def _lookup(self, parent: int, name: bytes) -> int | None:
        row = self._row("SELECT ino FROM entries WHERE parent = ? AND name = ?", parent, name)
        return row[0] if row else None

    def _folder(self, where: Where) -> int:
        ino = self._ino(where)
        if not stat.S_ISDIR(self._inode(ino)["mode"]):
            raise _error(errno.ENOTDIR, where)
        return ino

    def _parent(self, path: bytes) -> tuple[int, bytes]:
        """The folder that an entry is in, and the entry's name."""
        above, _, name = path.rstrip(b"/").rpartition(b"/")
        if name in (b"", b".", b".."):
            raise _error(errno.EINVAL, path)
        if len(name) > NAME_MAX:
            raise _error(errno.ENAMETOOLONG, path)
        return self._folder(above), name

    # Rows

    def _row(self, asked: str, *values: Any) -> Any:
        """The first row that is found, None where there is none."""
        return self._db.execute(asked, values).fetchone()

    def _inode(self, ino: int) -> dict[str, int]:
        row = self._row(f"SELECT {', '.join(_INODE)} FROM inodes WHERE ino = ?", ino)
        if row is None:
            raise _error(errno.ESTALE)
        return dict(zip(_INODE, row, strict=True))

    def _set(self, ino: int, **values: Any) -> None:
        columns = ", ".join(f"{name} = ?" for name in values)
        self._db.execute(f"UPDATE inodes SET {columns} WHERE ino = ?", (*values.values(), ino))

    def _new_inode(self, mode: int, uid: int, gid: int, rdev: int = 0) -> int:
        now = self._clock()
        links = 2 if stat.S_ISDIR(mode) else 1
        values = (mode, uid, gid, now, now, now, 0, rdev, links, 0)
        marks = ", ".join("?" for _ in values)
        new = f"INSERT INTO inodes ({', '.join(_INODE)}) VALUES ({marks})"
        return self._db.execute(new, values).lastrowid or 0

    def _add(self, path: bytes, mode: int, uid: int, gid: int, rdev: int = 0) -> int:
        parent, _ = self._parent(path)
        above = self._inode(parent)
        if above["mode"] & stat.S_ISGID:
            gid = above["gid"]
        ino = self._new_inode(mode, uid, gid, rdev)
        self._enter(path, ino)
        return ino

    def _enter(self, path: bytes, ino: int) -> None:
        parent, name = self._parent(path)
        if self._lookup(parent, name) is not None:
            raise _error(errno.EEXIST, path)
        self._db.execute("INSERT INTO entries VALUES (?, ?, ?)", (parent, name, ino))
        self._touch(parent)

    def _remove(self, parent: int, name: bytes) -> None:
        self._db.execute("DELETE FROM entries WHERE parent = ? AND name = ?", (parent, name))
        self._touch(parent)

    def _touch(self, folder: int) -> None:
        now = self._clock()
        self._set(folder, mtime=now, ctime=now)

    def _count_link(self, ino: int, change: int) -> None:
        self._db.execute("UPDATE inodes SET nlink = nlink + ? WHERE ino = ?", (change, ino))

    def _drop(self, ino: int) -> None:
        """An entry of a file is gone."""
        self._count_link(ino, -1)
        if self._inode(ino)["nlink"] == 0:
            self._forget(ino)
        else:
            self._set(ino, ctime=self._clock())

    def _forget(self, ino: int) -> None:
        for table in ("inodes", "xattrs", "blocks"):
            self._db.execute(f"DELETE FROM {table} WHERE ino = ?", (ino,))

    def _block(self, ino: int, number: int) -> bytes:
        row = self._row("SELECT data FROM blocks WHERE ino = ? AND number = ?", ino, number)
        return row[0] if row else b""

    def _store(self, ino: int, number: int, data: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO blocks VALUES (?, ?, ?)", (ino, number, data))


def _blocks(offset: int, size: int) -> Iterator[tuple[int, int, int]]:
    """The blocks that a part of a file lies in: number, where it begins in it, how many bytes."""
    while size > 0:
        number, start = divmod(offset, BLOCK)
        count = min(size, BLOCK - start)
        yield number, start, count
        offset += count
        size -= count
