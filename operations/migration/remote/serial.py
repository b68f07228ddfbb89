"""Copies files with cp(1), some hundreds at a time, on this client alone.

The options are those of GNU coreutils 8.22 (CentOS 7) and later.
"""

import os
from typing import Iterable, Iterator, List

from . import children
from .failure import Failure, explain, room, some, text
from .files import forget
from .tree import FILE, Entry, full, look
from .way import Way

_CP = [b"cp", b"--no-dereference", b"--preserve=mode,ownership,timestamps", b"--sparse=always"]
_WORDS = 64 * 1024  # bytes of names on a command line; Linux takes 128 KiB on every machine
_FILES = 500
_BYTES = 1 << 30


def copy(way: Way, entries: Iterable[Entry]) -> None:
    """Copy files of which the destination has nothing yet, but their folders.

    + entries: the files as they were when the source was looked at; one that has vanished or
      changed since is not missed

    Raises Failure where a file cannot be copied; of the files that cp was given with it none stays.
    """
    for batch in _batches(entries):
        _copy(way, batch)


def _batches(entries: Iterable[Entry]) -> Iterator[List[Entry]]:
    batch: List[Entry] = []
    words = size = 0
    for entry in entries:
        if batch and (
            len(batch) == _FILES or words + len(entry.path) > _WORDS or size + entry.size > _BYTES
        ):
            yield batch
            batch, words, size = [], 0, 0
        batch.append(entry)
        words += len(entry.path) + 11  # ./, the NUL at its end and the pointer to it
        size += entry.size
    if batch:
        yield batch


def _copy(way: Way, batch: List[Entry]) -> None:
    meter = _Meter(way, batch)
    environment = {b"LD_PRELOAD": way.preload} if way.preload else {}
    names = [b"./" + entry.path for entry in batch]
    command = [*_CP, b"--parents", b"-t", way.target, b"--", *names]
    code, said = children.run(command, way.source, environment, meter.look)
    if code == 0:
        _check(way, batch)
        meter.finish()
        return
    # A file whose end could not be written may have its time already: none of them is trusted.
    for entry in batch:
        forget(full(way.target, entry.path))
    left = [entry for entry in batch if not _vanished(way, entry)]
    if len(left) == len(batch):
        raise Failure("cp ended with {}: {}; {}".format(code, said, room(way.target)))
    meter.again()
    if left:
        _copy(way, left)


def _check(way: Way, batch: List[Entry]) -> None:
    """Where cp is content, each file has to be there, unless its source is another one now."""
    wrong = [
        text(entry.path)
        for entry in batch
        if not _complete(full(way.target, entry.path), entry)
        and _complete(full(way.source, entry.path), entry)
    ]
    if wrong:
        raise Failure(
            "cp copied {} to {}, but size or time (to the nanosecond) are not as in {}: does that "
            "file system keep them?".format(some(wrong), text(way.target), text(way.source))
        )


def _complete(place: bytes, entry: Entry) -> bool:
    try:
        now = look(place, entry.path, os.lstat(place), xattrs=False)
    except FileNotFoundError:
        return False
    return (now.type, now.size, now.time) == (FILE, entry.size, entry.time)


def _vanished(way: Way, entry: Entry) -> bool:
    try:
        os.lstat(full(way.source, entry.path))
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError as error:
        raise Failure(explain(error)) from error
    return False


class _Meter:
    """How much of one call of cp is done: it takes the files in the order in which it got them."""

    def __init__(self, way: Way, batch: List[Entry]) -> None:
        self._way, self._batch = way, batch
        self._done = 0
        self._partly = 0

    def look(self) -> None:
        """While cp runs."""
        while self._done < len(self._batch) - 1 and self._size(self._done + 1) >= 0:
            self._advance()
        size = max(self._size(self._done), 0) if self._done < len(self._batch) else 0
        self._way.progress.add(done=size - self._partly)
        self._partly = size

    def finish(self) -> None:
        """When cp has copied all."""
        while self._done < len(self._batch):
            self._advance()

    def again(self) -> None:
        """When the files are to be copied anew."""
        done = sum(entry.size for entry in self._batch[: self._done]) + self._partly
        self._way.progress.add(files=-self._done, done=-done)

    def _advance(self) -> None:
        entry = self._batch[self._done]
        self._way.progress.add(files=1, done=entry.size - self._partly)
        self._done, self._partly = self._done + 1, 0

    def _size(self, number: int) -> int:
        place = full(self._way.target, self._batch[number].path)
        try:
            return min(os.lstat(place).st_size, self._batch[number].size)
        except OSError:
            return -1
