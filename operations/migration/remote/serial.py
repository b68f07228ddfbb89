"""Copies files with cp(1), some hundreds at a time, on this client alone.

Nobody can lead cp out of the source, nor out of the destination: it is told no path of either. The
tool opens each file itself, beneath the source, and offers it to cp in a folder of its own, by a
link to what is open (/proc/PID/fd): whatever is renamed meanwhile, cp reads that very file. What it
makes goes to a folder that root alone can enter, and from there to its place once it is whole.

The options are those of GNU coreutils 8.22 (CentOS 7) and later.
"""

import contextlib
import os
import re
import shutil
import stat
import tempfile
from functools import partial
from typing import Callable, Iterable, Iterator, List, Tuple

from . import children
from .beneath import ROOT, Beneath, by_number, held, is_file
from .failure import Failure, explain, room, some, text
from .tree import Entry
from .way import Way

_CP = [b"cp", b"--dereference", b"--preserve=mode,ownership,timestamps", b"--sparse=always"]
_STAGED = b".daos-offline-update"  # in the destination; what an earlier run left goes like the rest
_SHOWN = re.compile(r"'[^']*/(\d+)'")
_FILES = 500  # a process may have 1,024 files open
_BYTES = 1 << 30


def copy(way: Way, entries: Iterable[Entry]) -> None:
    """Copy files of which the destination has nothing yet, but their folders.

    + entries: the files as they were when the source was looked at; one that has vanished or
      changed since is not missed

    Raises Failure where a file cannot be copied; of the files that cp was given with it none stays.
    """
    source, target = Beneath(way.source), Beneath(way.target)
    with source, target, _staging(target) as staging:
        for batch in _batches(entries):
            _copy(way, source, target, staging, batch)


def _batches(entries: Iterable[Entry]) -> Iterator[List[Entry]]:
    batch: List[Entry] = []
    size = 0
    for entry in entries:
        if batch and (len(batch) == _FILES or size + entry.size > _BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch


@contextlib.contextmanager
def _staging(target: Beneath) -> Iterator[int]:
    """The folder for what is not whole yet, as a descriptor."""
    with target.inside(ROOT) as top:
        os.mkdir(_STAGED, 0o700, dir_fd=top)
    try:
        with held(target, _STAGED) as staging:
            yield staging
    finally:
        with target.inside(ROOT) as top:
            shutil.rmtree(by_number(top) + b"/" + _STAGED, ignore_errors=True)


def _copy(way: Way, source: Beneath, target: Beneath, staging: int, batch: List[Entry]) -> None:
    meter = _Meter(way, batch, staging)
    with _offered(source, batch) as (folder, found):
        code, said = _cp(way, folder, found, staging, meter)
    if code == 0:
        _check(way, source, staging, batch)
        _put(target, staging, batch)
        meter.finish()
        return
    # A file whose end could not be written may have its time already: none of them is trusted.
    for name in os.listdir(by_number(staging)):
        os.unlink(name, dir_fd=staging)
    left = [entry for entry in batch if not _vanished(source, entry)]
    if len(left) == len(batch):
        raise Failure("cp ended with {}: {}; {}".format(code, said, room(way.target)))
    meter.again()
    if left:
        _copy(way, source, target, staging, left)


@contextlib.contextmanager
def _offered(source: Beneath, batch: List[Entry]) -> Iterator[Tuple[bytes, List[int]]]:
    """A folder in which some files of a source are found by their numbers, and which these are.

    What is no file any more is none of them.
    """
    folder = os.fsencode(tempfile.mkdtemp(prefix="daos-offline-update-"))
    files: List[int] = []
    found = []
    try:
        for number, entry in enumerate(batch):
            with contextlib.suppress(FileNotFoundError):
                files.append(source.open(entry.path, os.O_PATH))
                if is_file(files[-1]):
                    opened = b"/proc/%d/fd/%d" % (os.getpid(), files[-1])
                    os.symlink(opened, os.path.join(folder, b"%d" % number))
                    found.append(number)
        yield folder, found
    finally:
        for file in files:
            os.close(file)
        shutil.rmtree(folder, ignore_errors=True)


def _cp(
    way: Way, folder: bytes, found: List[int], staging: int, meter: "_Meter"
) -> Tuple[int, str]:
    """What cp exits with, and says, by the names of the files."""
    if not found:
        return 0, ""
    environment = {b"LD_PRELOAD": way.preload} if way.preload else {}
    to = b"/proc/%d/fd/%d" % (os.getpid(), staging)
    command = [*_CP, b"-t", to, b"--", *(b"./%d" % number for number in found)]
    code, said = children.run(command, folder, environment, meter.look)
    return code, _SHOWN.sub(lambda match: repr(meter.name(int(match.group(1)))), said)


def _put(target: Beneath, staging: int, batch: List[Entry]) -> None:
    """Have what is whole in its place."""
    for number, entry in enumerate(batch):
        with contextlib.suppress(FileNotFoundError), target.at(entry.path) as (folder, name):
            os.rename(b"%d" % number, name, src_dir_fd=staging, dst_dir_fd=folder)


def _check(way: Way, source: Beneath, staging: int, batch: List[Entry]) -> None:
    """Where cp is content, each file has to be there, unless its source is another one now."""
    wrong = []
    for number, entry in enumerate(batch):
        copy = partial(_staged, staging, number)
        if not _complete(copy, entry) and _complete(partial(source.look, entry.path), entry):
            wrong.append(text(entry.path))
    if wrong:
        raise Failure(
            "cp copied {} to {}, but size or time (to the nanosecond) are not as in {}: does that "
            "file system keep them?".format(some(wrong), text(way.target), text(way.source))
        )


def _staged(staging: int, number: int) -> os.stat_result:
    return os.stat(b"%d" % number, dir_fd=staging, follow_symlinks=False)


def _complete(look: Callable[[], os.stat_result], entry: Entry) -> bool:
    try:
        now = look()
    except FileNotFoundError:
        return False
    same = (now.st_size, now.st_mtime_ns) == (entry.size, entry.time)
    return same and stat.S_ISREG(now.st_mode)


def _vanished(source: Beneath, entry: Entry) -> bool:
    try:
        return not stat.S_ISREG(source.look(entry.path).st_mode)
    except FileNotFoundError:
        return True
    except OSError as error:
        raise Failure(explain(error)) from error


class _Meter:
    """How much of one call of cp is done: it takes the files in the order in which it got them."""

    def __init__(self, way: Way, batch: List[Entry], staging: int) -> None:
        self._way, self._batch, self._staging = way, batch, staging
        self._done = 0
        self._partly = 0

    def name(self, number: int) -> str:
        """What cp knows by its number."""
        return text(self._batch[number].path) if number < len(self._batch) else str(number)

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
        entry = self._batch[number]
        try:
            size = _staged(self._staging, number).st_size
        except OSError:
            return -1
        if size > 2 * entry.size + _BYTES:  # cp would read for ever
            raise Failure(
                "{} grows faster than it is copied: stop what writes to it, then type the same "
                "command again".format(text(entry.path))
            )
        return min(size, entry.size)
