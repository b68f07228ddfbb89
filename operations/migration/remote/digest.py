"""SHA-256 digests of files, taken by several threads."""

import hashlib
import os
import threading
from typing import Dict, Iterable, Iterator, List, Optional

from .progress import Progress
from .tree import Entry, Tree, alone, full

_BLOCK = 1 << 20  # bytes read at a time
_LOOK = 0.2  # seconds between two looks at the threads


def take(
    root: bytes,
    tree: Tree,
    jobs: int,
    progress: Progress,
    unreadable: Optional[Dict[bytes, OSError]] = None,
) -> Tree:
    """The same tree with the digests of its files; a file with several names is read once.

    + jobs: number of threads
    + unreadable: takes the errors of files that cannot be read; without it the first one is raised
    """
    readers = _Readers(root, alone(tree), progress, unreadable is None)
    readers.run(jobs)
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
        self, root: bytes, entries: Iterable[Entry], progress: Progress, strict: bool
    ) -> None:
        self.digests: Dict[bytes, str] = {}
        self.failed: Dict[bytes, OSError] = {}
        self._root, self._progress, self._strict = root, progress, strict
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
        while not self._stop.is_set():
            with self._lock:
                entry = next(self._next, None)
            if entry is None:
                return
            try:
                self.digests[entry.path] = self._digest(full(self._root, entry.path))
            except OSError as error:
                error.filename = full(self._root, entry.path)
                self.failed[entry.path] = error
                if self._strict:
                    self._stop.set()
            self._progress.add(files=1)

    def _digest(self, path: bytes) -> str:
        digest, block = hashlib.sha256(), memoryview(bytearray(_BLOCK))
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb", 0) as file:
            while not self._stop.is_set():
                count = file.readinto(block)
                if not count:
                    break
                digest.update(block[:count])
                self._progress.add(done=count)
        return digest.hexdigest()


def _wait(threads: List[threading.Thread]) -> None:
    for thread in threads:
        while thread.is_alive():
            thread.join(_LOOK)  # a signal is taken between two looks
