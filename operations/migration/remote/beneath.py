"""What lies below a folder, reached such that no link leads out of it.

Whoever owns a folder of a container may replace it by a symbolic link at any moment, and the tool
is root. So no path is ever handed to the system as a whole: each part of it is opened by itself,
from the folder before it, and a part that is a link by then is as good as gone (openat(2) with
O_NOFOLLOW). Names come from the folders themselves, and never are "..".
"""

import contextlib
import errno
import os
import stat
from types import TracebackType
from typing import Iterator, List, Optional, Tuple, Type

ROOT = b"."
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_PARTS = 100  # open folders; a process may have 1,024 files
# What was a folder a moment ago, and is a link or a file now.
_REPLACED = (errno.ENOTDIR, errno.ELOOP)


def full(root: bytes, path: bytes) -> bytes:
    """The whole path of an entry, to be shown, or looked at where nobody else may write."""
    return root if path == ROOT else os.path.join(root, path)


class Beneath:
    """A folder, and the way to what is below it. For one thread; to be closed.

    + root: its path, which is trusted; it stays the same folder whatever becomes of that path

    Paths are relative to it, b"." is the folder itself. What is not there, or not to be reached
    without a link, raises FileNotFoundError; all errors name the whole path.
    """

    def __init__(self, root: bytes) -> None:
        self.root = root
        self._chain: List[Tuple[bytes, int]] = [(b"", os.open(root, os.O_RDONLY | os.O_DIRECTORY))]

    def __enter__(self) -> "Beneath":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        while self._chain:
            os.close(self._chain.pop()[1])

    def full(self, path: bytes) -> bytes:
        """The path as it is shown; nothing is opened by it."""
        return full(self.root, path)

    @contextlib.contextmanager
    def at(self, path: bytes) -> Iterator[Tuple[int, bytes]]:
        """The folder that an entry is in, as a descriptor, and the entry's name in it.

        The descriptor is good until the next call. Errors get the whole path.
        """
        folder, _, name = path.rpartition(b"/")
        with self._named(path):
            yield self._folder(folder), name

    @contextlib.contextmanager
    def inside(self, path: bytes) -> Iterator[int]:
        """A folder as a descriptor, good until the next call. Errors get the whole path."""
        with self._named(path):
            yield self._folder(b"" if path == ROOT else path)

    def look(self, path: bytes) -> os.stat_result:
        """What lstat(2) says of an entry."""
        with self.at(path) as (folder, name):
            return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def open(self, path: bytes, flags: int = os.O_RDONLY) -> int:
        """Open an entry, whatever it is, waiting for nobody: a descriptor, to be closed."""
        with self.at(path) as (folder, name):
            safe = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            return os.open(name, flags | safe, dir_fd=folder)

    def names(self, path: bytes) -> List[bytes]:
        """The paths of what is in a folder."""
        with self.inside(path) as folder:
            names = map(os.fsencode, os.listdir(folder))
            return list(names) if path == ROOT else [os.path.join(path, name) for name in names]

    def _folder(self, path: bytes) -> int:
        """The descriptor of a folder; those on the way to it stay open for what is near."""
        while not _is_within(path, self._chain[-1][0]):
            os.close(self._chain.pop()[1])
        above, folder = self._chain[-1]
        for part in filter(None, path[len(above) :].split(b"/")):
            folder = os.open(part, _FOLDER, dir_fd=folder)
            above = above + b"/" + part if above else part
            self._chain.append((above, folder))
            if len(self._chain) > _PARTS:
                os.close(self._chain.pop(1)[1])
        return folder

    @contextlib.contextmanager
    def _named(self, path: bytes) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            number = errno.ENOENT if error.errno in _REPLACED else error.errno
            raise OSError(number, os.strerror(number or 0), self.full(path)) from error


def by_number(descriptor: int) -> bytes:
    """A path to what a descriptor is open for, for what takes no descriptors."""
    return b"/proc/self/fd/%d" % descriptor


@contextlib.contextmanager
def held(beneath: Beneath, path: bytes) -> Iterator[int]:
    """An entry, as a descriptor that can neither be read nor replaced by another entry (O_PATH)."""
    descriptor = beneath.open(path, os.O_PATH)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def is_file(descriptor: int) -> bool:
    """Whether what is open is a regular file."""
    return stat.S_ISREG(os.fstat(descriptor).st_mode)


def _is_within(path: bytes, folder: bytes) -> bool:
    return not folder or path == folder or path.startswith(folder + b"/")
