"""Who waits for the virtual time of a cluster, in a process whose greenlets are pyinfra's.

gevent's loop of that process has timers of this time, and so has all that waits by them: sleeps,
time-outs, what is spawned for later. Whenever nothing is left to do at this moment, time goes on:
to the next thing that happens, or to the end of the next wait. So a wait costs no time, and the
order of all things is the same again.
"""

import datetime
import heapq
import time
from collections.abc import Callable
from typing import Any

from gevent.hub import Hub, Waiter, get_hub, set_hub

from .clock import BEGAN, Clock

_ROOM = 1024  # things to come, from which on those that come no more are looked for
_BOOTED = 1000.0  # seconds that this machine has been up, as its own clock tells


class Now(datetime.datetime):
    """The time of day, as time.time() has it: in a process with virtual time that one."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> "Now":
        return cls.fromtimestamp(time.time(), tz)


class Stuck(Exception):
    """Somebody waits, and nothing will ever happen any more."""


class Timer:
    """A timer of gevent's, of virtual time."""

    ref = True

    def __init__(self, waiting: "Waiting", after: float, repeat: float = 0.0) -> None:
        self._waiting, self._after, self._repeat = waiting, max(after, 0.0), repeat
        self._call: tuple[Callable[..., Any], tuple[Any, ...]] | None = None
        self.pending = False

    @property
    def active(self) -> bool:
        """Whether it is still to come."""
        return self._call is not None

    def start(self, callback: Callable[..., Any], *arguments: Any, update: bool = True) -> None:
        """Have something called when the time has come."""
        self._call = (callback, arguments)
        self._waiting.due(self._after, self)

    again = start

    def stop(self) -> None:
        """It does not come any more."""
        self._call = None

    close = stop

    def __enter__(self) -> "Timer":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def come(self) -> None:
        """The time has come."""
        if self._call:
            callback, arguments = self._call
            if self._repeat:
                self._waiting.due(self._repeat, self)
            else:
                self._call = None
            callback(*arguments)


class _Wait:
    """One greenlet that waits for something to be so, or for a time."""

    def __init__(self, holds: Callable[[], bool]) -> None:
        self.holds = holds
        self.waiter = Waiter()
        self.active = True

    def come(self) -> None:
        """It waits no more."""
        if self.active:
            self.active = False
            self.waiter.switch(None)


class Waiting:
    """The waits of one process for one clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timed: list[tuple[float, int, Timer | _Wait]] = []
        self._of: dict[int, list[_Wait]] = {}
        self._count, self._room = 0, _ROOM
        self._ready: list[_Wait] = []

    def begin(self) -> None:
        """Let this process have the time of the cluster from here on; it has no loop before."""
        clock, base = self._clock, BEGAN.timestamp()
        clock.moved = self.look_at
        time.monotonic = lambda: _BOOTED + clock.now
        time.time = lambda: base + clock.now
        time.time_ns = lambda: int((base + clock.now) * 1e9)
        kind: Any = type(get_hub().loop)

        class Loop(kind):
            """gevent's loop, with timers of virtual time."""

            def timer(_, after: float, repeat: float = 0.0, *__: Any, **___: Any) -> Timer:
                return Timer(self, after, repeat)

        get_hub().destroy(destroy_loop=True)
        self._hub = Hub(loop=Loop(default=False))
        set_hub(self._hub)
        self._watcher = self._hub.loop.idle()
        self._watcher.start(self._idle)

    def due(self, seconds: float, what: Timer | _Wait) -> None:
        """Something comes in so many seconds."""
        self._count += 1
        if len(self._timed) > self._room:  # most are time-outs of what has long ended
            self._timed = [due for due in self._timed if due[2].active]
            heapq.heapify(self._timed)
            self._room = max(_ROOM, 2 * len(self._timed))
        heapq.heappush(self._timed, (self._clock.now + seconds, self._count, what))

    def until(self, holds: Callable[[], bool], of: object, seconds: float = float("inf")) -> bool:
        """Wait until something is so; False where it is not in time.

        + of: the part of the cluster that it is about
        """
        if holds():
            return True
        wait = _Wait(holds)
        waits = self._of.setdefault(id(of), [])
        waits.append(wait)
        if seconds < float("inf"):
            self.due(seconds, wait)
        try:
            wait.waiter.get()
        finally:
            wait.active = False
            waits.remove(wait)
        return holds()

    def look_at(self, part: object) -> None:
        """Something has happened to a part of the cluster: who waited for it goes on."""
        for wait in self._of.get(id(part), ()):
            if wait.holds():
                self._ready.append(wait)

    def _idle(self) -> None:
        if self._hub.loop._callbacks:  # somebody has something to do right now
            return
        while self._ready:
            wait = self._ready.pop(0)
            if wait.active:
                wait.come()
                return
        while self._timed and not self._timed[0][2].active:
            heapq.heappop(self._timed)
        at = self._timed[0][0] if self._timed else float("inf")
        if self._clock.next <= at and self._clock.next < float("inf"):
            self._clock.step()
        elif at < float("inf"):
            self._clock.now = max(self._clock.now, at)
            heapq.heappop(self._timed)[2].come()
        else:
            self._end()

    def _end(self) -> None:
        self._watcher.stop()
        for waits in self._of.values():
            for wait in waits:
                wait.waiter.throw(Stuck("nothing will happen any more"))


now: Any = None  # the Waiting of this process, once a cluster is worked with in it
