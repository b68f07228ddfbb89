"""Doing something again and again, such that it takes but a small share of the time."""

import time
from collections.abc import Callable

import gevent

_SHARE = 0.02  # of the time
_LEAST = 0.5  # seconds


class Paced:
    """Does something whenever there is news, at once or a little later.

    + least: seconds between two times that nobody insists on
    """

    def __init__(self, do: Callable[[], None], least: float = _LEAST) -> None:
        self._do, self._least = do, least
        self._took: float | None = None  # the first time gets ready what later ones have
        self._ended = 0.0
        self._later: gevent.Greenlet | None = None

    def now(self) -> None:
        """Do it at once."""
        self.stop()
        began = time.monotonic()
        self._do()
        self._ended = time.monotonic()
        self._took = 0.0 if self._took is None else self._ended - began

    def soon(self) -> None:
        """Do it as soon as that takes no more than its share; once for all news until then."""
        if self._later is None:
            due = self._ended + max(self._least, (self._took or 0.0) / _SHARE)
            # gevent counts from when its loop has looked at the clock last, which may be long ago.
            gevent.get_hub().loop.update_now()
            self._later = gevent.spawn_later(max(0.0, due - time.monotonic()), self._is_due)

    def stop(self) -> None:
        """Do nothing later."""
        later, self._later = self._later, None
        if later is not None and later is not gevent.getcurrent():
            later.kill(block=False)

    def _is_due(self) -> None:
        self._later = None
        self.now()
