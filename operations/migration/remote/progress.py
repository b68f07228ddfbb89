"""How far a command is, for whoever polls the job that runs it."""

import json
import os
import threading
import time
from collections import deque
from typing import Any, Deque, Dict, Optional, Tuple

from . import files as whole

_EVERY = 1.0  # seconds between two writes
_WINDOW = 60  # writes that the rate is taken over


class Progress:
    """The files and bytes that are done in the present phase. Threads may share it.

    + path: the file that it is written to, at most once a second; None to keep it to itself
    """

    def __init__(self, path: Optional[bytes] = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._written = 0.0
        self._samples: Deque[Tuple[float, int, int]] = deque(maxlen=_WINDOW)
        self.begin("starting")

    def begin(
        self, phase: str, of_files: int = 0, of_bytes: int = 0, files: int = 0, done: int = 0
    ) -> "Progress":
        """A phase begins; returns this progress, for whoever does it.

        + of_files, of_bytes: what there is to do, 0 where that is not known
        + files, done: the files and bytes of it that an earlier run did already
        """
        with self._lock:
            self._phase = phase
            self._of_files, self._of_bytes = of_files, of_bytes
            self._files, self._bytes = files, done
            self._samples.clear()
            self._samples.append((time.monotonic(), files, done))
            self._write_if_due()
        return self

    def add(self, files: int = 0, done: int = 0) -> None:
        """Files and bytes have been done."""
        with self._lock:
            self._files += files
            self._bytes += done
            self._write_if_due()

    def at(self, files: int, done: int) -> None:
        """So many files and bytes of the phase are done by now."""
        with self._lock:
            self._files, self._bytes = files, done
            self._write_if_due()

    def finish(self) -> None:
        """Write how far it has come, however long ago that was done last."""
        with self._lock:
            self._write()

    def snapshot(self) -> Dict[str, Any]:
        """As it stands in the file: rate in bytes a second, `left` in seconds or None."""
        then, files, done = self._samples[0]
        elapsed = max(time.monotonic() - then, 1e-9)
        rates = ((self._bytes - done) / elapsed, (self._files - files) / elapsed)
        return {
            "phase": self._phase,
            "files": self._files,
            "of_files": self._of_files,
            "bytes": self._bytes,
            "of_bytes": self._of_bytes,
            "rate": int(max(rates[0], 0)),
            "left": _left(
                (self._of_bytes - self._bytes, rates[0]), (self._of_files - self._files, rates[1])
            ),
        }

    def _write_if_due(self) -> None:
        if self._path is not None and time.monotonic() - self._written >= _EVERY:
            self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        draft = self._path + b".new"
        try:
            with whole.create(draft) as file:
                file.write(json.dumps(self.snapshot()).encode("ascii"))
            os.replace(draft, self._path)
        except OSError:
            pass  # the work matters more than the display of it
        now = time.monotonic()
        self._written = now
        self._samples.append((now, self._files, self._bytes))


def _left(*amounts: Tuple[int, float]) -> Optional[int]:
    """The seconds that what takes longest still takes; None where nothing tells that."""
    open_ = [(amount, rate) for amount, rate in amounts if amount > 0]
    if any(rate <= 0 for _, rate in open_):
        return None
    return max([int(amount / rate) for amount, rate in open_], default=None)
