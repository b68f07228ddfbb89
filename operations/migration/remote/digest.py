"""SHA-256 digests of files, taken by several threads."""

import errno
import hashlib
import os
import threading
from typing import Dict, Iterable, Iterator, List, Optional

from .beneath import Beneath, is_file
from .container import Container
from .failure import Failure
from .progress import Progress
from .tree import Entry, Tree, alone

_BLOCK = 1 << 20  # bytes read at a time
_LOOK = 0.2  # seconds between two looks at the threads


def take(
    root: bytes,
    tree: Tree,
    jobs: int,
    progress: Progress,
    unreadable: Optional[Dict[bytes, OSError]] = None,
    container: Optional[Container] = None,
) -> Tree:
    """The same tree with the digests of its files; a file with several names is read once.

    + jobs: number of threads
    + container: the container that each file has to be of (see `tree.walk`)
    + unreadable: takes the errors of files that cannot be read; without it the first one is raised

    What is no file any more by then has no digest, unless its error is asked for.
    """
    readers = _Readers(root, alone(tree), progress, unreadable is None, container)
    readers.run(jobs)
    if readers.ends:
        raise readers.ends
    if unreadable is not None:
        unreadable.update(readers.failed)
    elif readers.failed:
        raise next(iter(readers.failed.values()))
    found = readers.digests
    return {
        path: entry._replace(digest=found.get(entry.leader or path, ""))
        for path, entry in tree.items()
    }


class _Readers:
    def __init__(
        self,
        root: bytes,
        entries: Iterable[Entry],
        progress: Progress,
        strict: bool,
        container: Optional[Container],
    ) -> None:
        self.digests: Dict[bytes, str] = {}
        self.failed: Dict[bytes, OSError] = {}
        self.ends: Optional[Exception] = None  # what no other file makes up for
        self._root, self._container = root, container
        self._progress, self._strict = progress, strict
        self._next: Iterator[Entry] = iter(entries)
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def run(self, jobs: int) -> None:
        threads = [threading.Thread(target=self._read, daemon=True) for _ in range(jobs)]
        try:
            for thread in threads:
                thread.start()
            _wait(threads)
        finally:
            self._stop.set()
            _wait([thread for thread in threads if thread.ident])

    def _read(self) -> None:
        with Beneath(self._root) as beneath:
            while not self._stop.is_set():
                with self._lock:
                    entry = next(self._next, None)
                if entry is None:
                    return
                try:
                    self.digests[entry.path] = self._digest(beneath, entry)
                except OSError as error:
                    self._fails(entry, error)
                except Failure as failure:
                    self.ends = failure
                    self._stop.set()
                self._progress.add(files=1)

    def _fails(self, entry: Entry, error: OSError) -> None:
        if self._strict and isinstance(error, FileNotFoundError):
            return  # the next look at the tree tells what has become of it
        self.failed[entry.path] = error
        if self._strict:
            self._stop.set()

    def _digest(self, beneath: Beneath, entry: Entry) -> str:
        """Nothing is waited for, as for who writes into a FIFO; nor is more read than there was."""
        digest, block, left = hashlib.sha256(), memoryview(bytearray(_BLOCK)), entry.size
        with os.fdopen(beneath.open(entry.path), "rb", 0) as file:
            if not is_file(file.fileno()):
                raise FileNotFoundError(errno.ENOENT, "it is no file any more", entry.path)
            if self._container:
                self._container.check(file.fileno(), beneath.full(entry.path))
            while left >= 0 and not self._stop.is_set():
                count = file.readinto(block)
                if not count:
                    break
                left -= count
                digest.update(block[:count])
                self._progress.add(done=count)
        return digest.hexdigest()


def _wait(threads: List[threading.Thread]) -> None:
    for thread in threads:
        while thread.is_alive():
            thread.join(_LOOK)  # a signal is taken between two looks
