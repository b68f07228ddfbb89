"""A file tree to try backups on: the same for the same seed, with everything that is easily lost.

Nested folders, empty ones, empty files, files of some MiB, sparse files, symbolic links (some lead
nowhere), hard links, FIFOs, user.* attributes, set-user-ID and sticky bits, several owners, times
of the past in nanoseconds, and names with blanks, newlines, quotes and bytes that are no UTF-8.
"""

import random
import stat
from collections.abc import Iterator
from typing import Any

from ..engine.tree import BLOCK

Call = tuple[Any, ...]
"""The name of a method of tree.Tree, and its arguments."""

_SECOND = 1_000_000_000
_TIMES = (946_684_800 * _SECOND, 1_640_995_200 * _SECOND)  # the years 2000 to 2021
_OWNERS = ((0, 0), (1000, 1000), (1001, 100), (65534, 65534))
_MODES = (0o644, 0o600, 0o640, 0o755, 0o400, 0o4755, 0o2750, 0o666, 0o000)
_FOLDER_MODES = (0o755, 0o700, 0o1777, 0o750, 0o2775)
_NAMES = (
    *(b"%s", b"%s.dat", b"a name %s", b"new\nline %s", b"\xff\xfe%s", b'"quoted" $%s', b" %s "),
    *("\N{GREEK SMALL LETTER ALPHA}%s".encode(), b"-%s", b"%s\\n", b".%s"),
)
_PER_FOLDER = 12  # files, about
_DEEPEST = 5
_RARE = 400  # one entry of so many is a symbolic link, one a hard link, ...


def calls(count: int, seed: int) -> Iterator[Call]:
    """What makes a tree with `count` entries that are no folders. It must not exist yet."""
    return Maker(random.Random(f"{seed}"), seed).calls(count)


class Maker:
    """Makes one tree."""

    def __init__(self, dice: random.Random, seed: int) -> None:
        self._dice = dice
        self._seed = seed
        self._folders: list[bytes] = []
        self._files: list[bytes] = []
        self._late: list[Call] = []  # the times of folders, which what is made in them changes

    def calls(self, count: int) -> Iterator[Call]:
        yield from self._folder(b"", b"tree-%d" % self._seed)
        for number in range(count):
            if number % _PER_FOLDER == 0 and number:
                yield from self._new_folder(number)
            yield from self._entry(self._path(self._dice.choice(self._folders), number), number)
        yield from self._folder(self._folders[0], b"empty folder")
        yield from self._late

    def _path(self, folder: bytes, number: int) -> bytes:
        # The first ones have every kind of name, however small the tree is.
        pick = number if number < len(_NAMES) else self._dice.randrange(len(_NAMES) * 4)
        pattern = _NAMES[pick] if pick < len(_NAMES) else b"file-%s"
        return folder + b"/" + pattern % (b"%06d" % number)

    def _new_folder(self, number: int) -> Iterator[Call]:
        shallow = [path for path in self._folders[-20:] if path.count(b"/") <= _DEEPEST]
        above = self._dice.choice(shallow or self._folders[:1])
        return self._folder(above, b"folder %d" % number)

    def _folder(self, above: bytes, name: bytes) -> Iterator[Call]:
        path = above + b"/" + name
        self._folders.append(path)
        yield ("mkdir", path, 0o755, *self._dice.choice(_OWNERS))
        yield ("chmod", path, self._dice.choice(_FOLDER_MODES))
        self._late.append(("utimens", path, None, self._time()))

    def _time(self) -> int:
        return self._dice.randrange(*_TIMES)

    def _entry(self, path: bytes, number: int) -> Iterator[Call]:
        # The first ones are of every kind, however small the tree is.
        kind = number if number < 8 else self._dice.randrange(_RARE)
        makers = (self._symlink, self._hard_link, self._fifo, self._sparse, self._large)
        yield from (makers[kind - 3] if 3 <= kind < 8 else self._file)(path)
        if kind not in (3, 4):
            yield ("chmod", path, self._dice.choice(_MODES))
        if kind != 4:
            yield ("utimens", path, self._time(), self._time())

    def _symlink(self, path: bytes) -> Iterator[Call]:
        nowhere = b"no\nwhere/\xe9"
        target = self._dice.choice([self._dice.choice(self._files).lstrip(b"/"), nowhere])
        yield ("symlink", path, target, *self._dice.choice(_OWNERS))

    def _hard_link(self, path: bytes) -> Iterator[Call]:
        yield ("link", self._dice.choice(self._files), path)

    def _fifo(self, path: bytes) -> Iterator[Call]:
        yield ("create", path, stat.S_IFIFO | 0o600, *self._dice.choice(_OWNERS))

    def _sparse(self, path: bytes) -> Iterator[Call]:
        yield ("create", path, 0o600, *self._dice.choice(_OWNERS))
        end = self._dice.randrange(2, 40) * BLOCK + self._dice.randrange(BLOCK)
        yield ("write", path, self._dice.randbytes(1000), self._dice.randrange(BLOCK))
        yield ("write", path, self._dice.randbytes(3), end)
        yield ("truncate", path, end + self._dice.randrange(1, 3 * BLOCK))

    def _large(self, path: bytes) -> Iterator[Call]:
        return self._file(path, self._dice.randrange(1 << 20, 3 << 20))

    def _file(self, path: bytes, size: int | None = None) -> Iterator[Call]:
        self._files.append(path)
        yield ("create", path, 0o600, *self._dice.choice(_OWNERS))
        size = self._size() if size is None else size
        for offset in range(0, size, BLOCK):
            piece = self._dice.randbytes(min(BLOCK, size - offset))
            yield ("write", path, piece, offset)
        if self._dice.random() < 0.1 or len(self._files) == 1:
            yield ("setxattr", path, b"user.lab", self._dice.randbytes(20))
            yield ("setxattr", path, b"user.empty", b"")

    def _size(self) -> int:
        """Mostly small, up to 64 KiB; now and then nothing."""
        if self._dice.randrange(20) == 0:
            return 0
        return int(self._dice.random() ** 8 * (64 << 10))
