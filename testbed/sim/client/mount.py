"""A container as a file system of this node, by fusepy (libfuse 2): the calls of FUSE, one by one.

fusepy hands paths over as text; with latin-1 each character is one byte of the name. A call is one
request to the engine. What the kernel keeps of names and attributes is short-lived, so that the
changes of another node are seen at once, nearly.
"""

import ctypes
import errno
import importlib
import os
import stat
import zlib
from collections.abc import Callable
from typing import Any

from . import libdaos, namespace
from .namespace import Space, Spaces

_fuse: Any = importlib.import_module("fusepy")  # as Debian names it; only nodes have it
_NAMES = "latin-1"
_KEPT = 0.1  # seconds
_UTIME_NOW, _UTIME_OMIT = (1 << 30) - 1, (1 << 30) - 2  # in place of nanoseconds
_STATFS_UNIT = 4096  # bytes
# What changes something; objects beside the tree refuse it.
_OF_TREE = {"mkdir", "mknod", "symlink", "link", "unlink", "rmdir", "rename", "create", "write"}
_OF_TREE |= {"truncate", "chmod", "chown", "utimens", "setxattr", "removexattr"}
# What a tree does with the very same arguments.
_TWO_PATHS = {"rename", "link"}
_OF_PARENT = {"rename", "unlink", "rmdir"}  # a folder's own entry, wherever it leads
_SAME_OF_TREE = {"unlink", "rmdir", "rename", "chmod", "chown", "removexattr"}


def serve(pool: libdaos.Pool, container: str, mountpoint: str, mounted: Callable[[], None]) -> None:
    """Mount a container (a UUID) and serve it until it is unmounted.

    Raises RuntimeError where it cannot be mounted. `mounted` is called once it is.
    """
    everybody = {"allow_other": True} if os.getuid() == 0 else {}  # others may not allow it
    _Fuse(
        Operations(pool, container, mounted),
        os.fsencode(mountpoint).decode(_NAMES),
        encoding=_NAMES,
        foreground=True,
        nothreads=True,
        default_permissions=True,
        use_ino=True,
        big_writes=True,
        attr_timeout=_KEPT,
        entry_timeout=_KEPT,
        fsname="dfuse",
        subtype="daos",
        **everybody,
    )


class _Fuse(_fuse.FUSE):
    """fusepy's, except for times: it takes "now" and "leave it" for nanoseconds."""

    def utimens(self, path: bytes, buf: Any) -> Any:
        times = (buf.contents.actime, buf.contents.modtime)
        return self.operations("utimens", path.decode(_NAMES), [_time(t) for t in times])


def _time(spec: Any) -> int | None:
    """A time in the words of tree.Tree."""
    special = {_UTIME_NOW: -1, _UTIME_OMIT: None}
    if spec.tv_nsec in special:
        return special[spec.tv_nsec]
    return int(spec.tv_sec) * 1_000_000_000 + int(spec.tv_nsec)


class Operations(_fuse.Operations):
    """Methods have FUSE's names and results. A file's handle is its inode, 0 for an object."""

    use_ns = True
    flag_utime_omit_ok = 1

    def __init__(self, pool: libdaos.Pool, container: str, mounted: Callable[[], None]) -> None:
        self._pool = pool
        self._container = container
        self._spaces = Spaces(pool, container)
        self._mounted = mounted
        self._objects: dict[bytes, int] = {}  # sizes of the objects seen

    def __call__(self, op: str, *arguments: Any) -> Any:
        try:
            if op in _SAME_OF_TREE:
                words = (_bytes(word) if isinstance(word, str) else word for word in arguments)
                return self._call(op, *words)
            return getattr(self, op)(*arguments)
        except libdaos.DaosError:
            raise _fuse.FuseOSError(errno.EIO) from None
        except OSError as error:
            if op in _OF_TREE and error.errno == errno.ENOENT and self._is_object(arguments[0]):
                raise _fuse.FuseOSError(errno.EROFS) from None
            raise

    def _call(self, op: str, *words: Any) -> Any:
        """Do something in the container that the first of the words, path or handle, leads into.

        All paths have to lead into the same one.
        """
        if not words:
            return self._spaces.all[0].tree.call(op)
        places = [self._place(op, word) for word in words[: 2 if op in _TWO_PATHS else 1]]
        if places[0][0] is not places[-1][0]:
            raise _fuse.FuseOSError(errno.EXDEV)
        inner = [path for _, path in places]
        return places[0][0].tree.call(op, *inner, *words[len(inner) :])

    def _place(self, op: str, word: int | bytes) -> tuple[Space, int | bytes]:
        if isinstance(word, int):
            return self._spaces.of_handle(word)
        return self._spaces.find(word, itself=op in _OF_PARENT)

    def _getattr(self, path: bytes, handle: int | None) -> dict[str, int]:
        if not handle:
            return self._spaces.getattr(path)
        space, number = self._spaces.of_handle(handle)
        found = space.tree.call("getattr", number)
        return {**found, "st_ino": handle}

    def ioctl(
        self, _path: str, command: int, _arg: Any, handle: int, _flags: int, data: Any
    ) -> int:
        """What the interception library asks of an open file: where it is."""
        if command & 0xFFFFFFFF != namespace.IL:
            raise _fuse.FuseOSError(errno.ENOTTY)
        space, _ = self._spaces.of_handle(handle)  # 0, that of an object beside the tree, is home
        namespace.told(space, lambda answer: ctypes.memmove(data, answer, len(answer)))
        return 0

    def init(self, _path: str) -> None:
        self._mounted()

    # Objects beside the tree

    def _is_object(self, path: str) -> bool:
        name = _bytes(path)[1:]
        return bool(name) and b"/" not in name and name in self._names()

    def _names(self) -> list[bytes]:
        return [name.encode() for name in self._pool.names(self._container)]

    def _object(self, path: str) -> dict[str, int]:
        """The attributes of an object. Raises FileNotFoundError."""
        name = _bytes(path)[1:]
        if name not in self._objects:
            if not self._is_object(path):
                raise _fuse.FuseOSError(errno.ENOENT)
            self._objects[name] = len(self._pool.read(self._container, name.decode()))
        return {**_object_kind(name), "st_nlink": 1, "st_size": self._objects[name]}

    # Looking

    def getattr(self, path: str | None, handle: int | None = None) -> dict[str, int]:
        """The attributes of an entry, or of an open file that may have no name any more."""
        try:
            found = self._getattr(_bytes(path or "/"), handle)
        except FileNotFoundError:
            return self._object(path or "/")
        for time in ("st_atime", "st_mtime", "st_ctime"):
            found[time] = int(found[time])
        return {**found, "st_blksize": 131072}

    def readdir(self, path: str, _handle: int) -> list[Any]:
        """Names, with inodes and kinds."""
        found = self._call("readdir", _bytes(path))
        space, _ = self._spaces.find(_bytes(path))
        names = [
            (name, {"st_ino": space.inode(ino), "st_mode": mode}, 0) for name, ino, mode in found
        ]
        if path == "/":
            names += [(name, _object_kind(name), 0) for name in self._names()]
        return [".", "..", *((name.decode(_NAMES), kind, at) for name, kind, at in names)]

    def readlink(self, path: str) -> str:
        return str(self._call("readlink", _bytes(path)).decode(_NAMES))

    def access(self, _path: str, _mode: int) -> int:
        """The kernel looks at the permissions itself."""
        return 0

    def statfs(self, _path: str) -> dict[str, int]:
        """The pool's size, less what this container takes."""
        whole = self._pool.size // _STATFS_UNIT
        free = max(0, whole - self._call("used") // _STATFS_UNIT)
        sizes = {"f_blocks": whole, "f_bfree": free, "f_bavail": free}
        return {"f_bsize": _STATFS_UNIT, "f_frsize": _STATFS_UNIT, "f_namemax": 255, **sizes}

    # Contents

    def open(self, path: str, flags: int) -> int:
        """A file of the tree by its inode; an object only for reading."""
        try:
            return self._spaces.getattr(_bytes(path))["st_ino"]
        except FileNotFoundError:
            self._object(path)
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise _fuse.FuseOSError(errno.EROFS)
        return 0

    def create(self, path: str, mode: int) -> int:
        space, inner = self._spaces.find(_bytes(path))
        made = space.tree.call("create", inner, stat.S_IFREG | mode, *_caller())
        return space.inode(int(made))

    def read(self, path: str, size: int, offset: int, handle: int) -> bytes:
        if not handle:
            content = self._pool.read(self._container, _bytes(path)[1:].decode())
            return content[offset : offset + size]
        return bytes(self._call("read", handle, size, offset))

    def write(self, _path: str, data: bytes, offset: int, handle: int) -> int:
        return int(self._call("write", handle, data, offset))

    def truncate(self, path: str, length: int, handle: int | None = None) -> None:
        self._call("truncate", handle or _bytes(path), length)

    # Entries

    def mknod(self, path: str, mode: int, device: int) -> None:
        self._call("create", _bytes(path), mode, *_caller(), device)

    def mkdir(self, path: str, mode: int) -> None:
        self._call("mkdir", _bytes(path), mode, *_caller())

    def symlink(self, path: str, target: str) -> None:
        self._call("symlink", _bytes(path), _bytes(target), *_caller())

    def link(self, new: str, old: str) -> None:
        self._call("link", _bytes(old), _bytes(new))

    # Attributes

    def utimens(self, path: str, times: list[int | None]) -> None:
        self._call("utimens", _bytes(path), *times)

    def _xattrs(self, path: str) -> dict[bytes, bytes]:
        try:
            return dict(self._call("xattrs", _bytes(path)))
        except FileNotFoundError:
            self._object(path)
            return {}

    def listxattr(self, path: str) -> list[str]:
        return [name.decode(_NAMES) for name in self._xattrs(path)]

    def getxattr(self, path: str, name: str, _position: int = 0) -> bytes:
        value = self._xattrs(path).get(_bytes(name)) if _kept(name) else None
        if value is None:
            raise _fuse.FuseOSError(errno.ENODATA if _kept(name) else errno.ENOTSUP)
        return value

    def setxattr(self, path: str, name: str, value: bytes, flags: int, _position: int = 0) -> None:
        if not _kept(name):
            raise _fuse.FuseOSError(errno.ENOTSUP)
        if _bytes(name) == namespace.ATTRIBUTE:
            try:
                namespace.where(value)
            except ValueError:
                raise _fuse.FuseOSError(errno.EINVAL) from None
        self._call("setxattr", _bytes(path), _bytes(name), value, flags)


def _object_kind(name: bytes) -> dict[str, int]:
    """What readdir tells of an object; its inode is none of the tree's."""
    return {"st_ino": 1 << 40 | zlib.crc32(name), "st_mode": libdaos.OBJECT_MODE}


def _kept(name: str) -> bool:
    """Is it an extended attribute that trees have? Access control lists and the like are not."""
    return name.startswith(("user.", "trusted."))


def _bytes(path: str) -> bytes:
    return path.encode(_NAMES)


def _caller() -> tuple[int, int]:
    uid, gid, _ = _fuse.fuse_get_context()
    return uid, gid
