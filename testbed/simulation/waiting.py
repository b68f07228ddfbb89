"""Who waits for the virtual time of a cluster, in a process whose greenlets are pyinfra's.

Whenever nothing is left to do at this moment, time goes on: to the next thing that happens, or to
the end of the next wait. So a wait costs no time, and the order of all things is the same again.
"""

import heapq
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.hub import Waiter

from .clock import BEGAN, Clock


class Stuck(Exception):
    """Somebody waits, and nothing will ever happen any more."""


class _Wait:
    """One greenlet that waits for something to be so."""

    def __init__(self, holds: Callable[[], bool], until: float) -> None:
        self.holds, self.until = holds, until
        self.waiter = Waiter()
        self.over = False

    def end(self) -> None:
        if not self.over:
            self.over = True
            self.waiter.switch(None)


class Waiting:
    """The waits of one process for one clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hub = gevent.get_hub()
        self._watcher = self._hub.loop.idle()
        self._timed: list[tuple[float, int, _Wait]] = []
        self._of: dict[int, list[_Wait]] = {}
        self._count = 0
        self._ready: list[_Wait] = []

    def begin(self) -> None:
        """Let this process have the time of the cluster from here on."""
        clock, base = self._clock, BEGAN.timestamp()
        clock.moved = self.look_at
        time.sleep = gevent.sleep = self.sleep
        time.monotonic = lambda: 1000.0 + clock.now
        time.time = lambda: base + clock.now
        time.time_ns = lambda: int((base + clock.now) * 1e9)
        self._watcher.start(self._idle)

    def sleep(self, seconds: float = 0, ref: bool = True) -> None:
        """Wait for so long."""
        self._wait(_Wait(lambda: False, self._clock.now + max(seconds, 0.0)))

    def until(self, holds: Callable[[], bool], of: object, seconds: float = float("inf")) -> bool:
        """Wait until something is so; False where it is not in time.

        + of: the part of the cluster that it is about
        """
        if holds():
            return True
        wait = _Wait(holds, self._clock.now + seconds)
        self._of.setdefault(id(of), []).append(wait)
        self._wait(wait)
        self._of[id(of)].remove(wait)
        return holds()

    def look_at(self, part: object) -> None:
        """Something has happened to a part of the cluster: who waited for it goes on."""
        for wait in self._of.get(id(part), ()):
            if wait.holds():
                self._ready.append(wait)

    def _wait(self, wait: _Wait) -> None:
        if wait.until < float("inf"):
            self._count += 1
            heapq.heappush(self._timed, (wait.until, self._count, wait))
        wait.waiter.get()

    def _idle(self) -> None:
        if self._hub.loop._callbacks:  # somebody has something to do right now
            return
        while self._ready:
            wait = self._ready.pop(0)
            if not wait.over:
                wait.end()
                return
        while self._timed and self._timed[0][2].over:
            heapq.heappop(self._timed)
        at = self._timed[0][0] if self._timed else float("inf")
        if self._clock.next <= at and self._clock.next < float("inf"):
            self._clock.step()
        elif at < float("inf"):
            self._clock.now = max(self._clock.now, at)
            heapq.heappop(self._timed)[2].end()
        else:
            self._watcher.stop()
            for waits in self._of.values():
                for wait in waits:
                    wait.waiter.throw(Stuck("nothing will happen any more"))


now: Any = None  # the Waiting of this process, once a cluster is worked with in it
