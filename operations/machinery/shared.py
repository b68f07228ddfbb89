"""Readings that all hosts share: the first that asks makes one, and the others wait for it."""

import time
from collections.abc import Callable, Hashable
from typing import TypeVar

from gevent.event import AsyncResult

T = TypeVar("T")

# How old a shared reading may be, in seconds: all hosts ask at about the same time, but where
# pyinfra takes them in small batches (--parallel) a later batch looks again.
FRESH = 5.0
JUST_NOW = 1.0  # by which a step acts
AS_LONG = 4.0  # see `Shared.get`: a quarter of a long step at most goes into looking anew


class Shared:
    """Readings that the first host to ask makes and that the others wait for."""

    def __init__(self) -> None:
        self._readings: dict[Hashable, AsyncResult] = {}
        self._made: dict[Hashable, float] = {}
        self._turns: dict[Hashable, Hashable] = {}
        self._took: dict[Hashable, float] = {}

    def get(
        self,
        key: Hashable,
        read: Callable[[], T],
        fresh: float = FRESH,
        made: Callable[[], float] | None = None,
        turn: Hashable = None,
        as_long: float = 0,
    ) -> T:
        """The reading of this name, made now unless there is one not older than `fresh` seconds.

        + made: says of when it is once it is made, by the clock of time.monotonic(); None: of then
        + turn: what it belongs to; one of another turn serves nobody any more, nor is it kept
        + as_long: it may also be so many times as old as it took to make: of thousands of nodes
          most would only be looked at again and again before their part of a step comes
        """
        if self._turns.get(key) != turn:
            self._turns[key] = turn
            self._readings.pop(key, None)
        known = self._made.get(key, float("inf"))  # one that is under way is as fresh as can be
        allowed = max(fresh, as_long * self._took.get(key, 0.0))
        if key in self._readings and time.monotonic() - known <= allowed:
            return self._readings[key].get()
        began = time.monotonic()
        result = self._readings[key] = AsyncResult()
        self._made.pop(key, None)
        try:
            result.set(read())
        except Exception as problem:
            result.set_exception(problem)
        if self._readings.get(key) is result:
            self._took[key] = time.monotonic() - began
            self._made[key] = made() if made else time.monotonic()
        return result.get()

    def forget(self, under_way: bool = False) -> None:
        """Make the next host that asks look again.

        + under_way: also where somebody is looking right now
        """
        for key in list(self._readings if under_way else self._made):
            self._readings.pop(key, None)
            self._made.pop(key, None)
