"""Copies files with cp(1), some hundreds at a time, on this client alone.

Nobody can lead cp out of the source, nor out of the destination: it is told no path of either. The
tool opens each file itself, beneath the source, and tells cp what is open (/proc/PID/fd): whatever
is renamed meanwhile, cp reads that very file. What it makes goes to a folder that root alone can
enter, and from there to its place once it is whole.

The options are those of GNU coreutils 8.22 (CentOS 7) and later.
"""

import contextlib
import os
import re
import shutil
import stat
from functools import partial
from typing import Callable, Dict, Iterable, Iterator, List, Match, Tuple

from . import children
from .beneath import ROOT, Beneath, by_number, held, is_file
from .failure import Failure, explain, room, some, text
from .tree import Entry
from .way import Way

_CP = [b"cp", b"--dereference", b"--preserve=mode,ownership,timestamps", b"--sparse=always"]
Files = Dict[int, Entry]  # by what they are open as

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
    with _opened(source, batch) as files:
        meter = _Meter(way, files, staging)
        code, said = _cp(way, files, staging, meter)
        if code == 0:
            _check(way, source, staging, files)
            _put(target, staging, files)
            meter.finish(batch)
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
def _opened(source: Beneath, batch: List[Entry]) -> Iterator[Files]:
    """The files of a batch by their descriptors; what is no file any more is none of them."""
    files: Files = {}
    try:
        for entry in batch:
            with contextlib.suppress(FileNotFoundError):
                file = source.open(entry.path, os.O_PATH)
                files[file] = entry
                if not is_file(file):
                    os.close(file)
                    del files[file]
        yield files
    finally:
        for file in files:
            os.close(file)


def _cp(way: Way, files: Files, staging: int, meter: "_Meter") -> Tuple[int, str]:
    """What cp exits with, and says, by the names of the files. It calls each by its descriptor."""
    if not files:
        return 0, ""
    environment = {b"LD_PRELOAD": way.preload} if way.preload else {}
    opened = b"/proc/%d/fd/%%d" % os.getpid()
    command = [*_CP, b"-t", opened % staging, b"--", *(opened % file for file in files)]
    code, said = children.run(command, b"/", environment, meter.look)
    return code, _SHOWN.sub(lambda match: _name(files, match), said)


def _name(files: Files, match: "Match[str]") -> str:
    entry = files.get(int(match.group(1)))
    return repr(text(entry.path)) if entry else match.group()


def _put(target: Beneath, staging: int, files: Files) -> None:
    """Have what is whole in its place."""
    for file, entry in files.items():
        with contextlib.suppress(FileNotFoundError), target.at(entry.path) as (folder, name):
            os.rename(b"%d" % file, name, src_dir_fd=staging, dst_dir_fd=folder)


def _check(way: Way, source: Beneath, staging: int, files: Files) -> None:
    """Where cp is content, each file has to be there, unless its source is another one now."""
    wrong = []
    for file, entry in files.items():
        copy = partial(_staged, staging, file)
        if not _complete(copy, entry) and _complete(partial(source.look, entry.path), entry):
            wrong.append(text(entry.path))
    if wrong:
        raise Failure(
            "cp copied {} to {}, but size or time (to the nanosecond) are not as in {}: does that "
            "file system keep them?".format(some(wrong), text(way.target), text(way.source))
        )


def _staged(staging: int, file: int) -> os.stat_result:
    return os.stat(b"%d" % file, dir_fd=staging, follow_symlinks=False)


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

    def __init__(self, way: Way, files: Files, staging: int) -> None:
        self._way, self._staging = way, staging
        self._files, self._left = list(files.items()), 0
        self._done = self._partly = 0

    def look(self) -> None:
        """While cp runs."""
        while self._left < len(self._files) - 1 and self._size(self._left + 1) >= 0:
            self._partly = self._add(self._files[self._left][1].size)
            self._left += 1
        if self._left < len(self._files):
            self._partly = self._add(max(self._size(self._left), 0), files=0)

    def _add(self, size: int, files: int = 1) -> int:
        """The file in hand has this size; what counts as a part of the next one."""
        self._way.progress.add(files=files, done=size - self._partly)
        self._done += size - self._partly
        return 0 if files else size

    def finish(self, batch: List[Entry]) -> None:
        """When cp has copied all."""
        size = sum(entry.size for entry in batch)
        self._way.progress.add(files=len(batch) - self._left, done=size - self._done)

    def again(self) -> None:
        """When the files are to be copied anew."""
        self._way.progress.add(files=-self._left, done=-self._done)

    def _size(self, number: int) -> int:
        file, entry = self._files[number]
        try:
            size = _staged(self._staging, file).st_size
        except OSError:
            return -1
        if size > 2 * entry.size + _BYTES:  # cp would read for ever
            raise Failure(
                "{} grows faster than it is copied: stop what writes to it, then type the same "
                "command again".format(text(entry.path))
            )
        return min(size, entry.size)
