"""Virtual time: what will happen, in its order, and who waits for it.

What will happen (`later`) is plain data, so that a cluster can be handed from one process to the
next with all that is under way on it. Who waits lives in one process, under gevent (`waiting.py`).
"""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)

Act = Callable[..., object]


class Clock:
    """The time of a cluster.

    + now: seconds since it was made
    + moved: is told of whom something has happened to, and looks who waits for that
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.moved: Callable[[object], None] | None = None
        self._will: list[tuple[float, int, Act, tuple[Any, ...]]] = []
        self._count = 0

    def later(self, seconds: float, act: Act, *arguments: Any) -> None:
        """Have something happen.

        + act: a method of a part of the cluster; it must not wait
        """
        self._count += 1
        heapq.heappush(self._will, (self.now + seconds, self._count, act, arguments))

    @property
    def next(self) -> float:
        """When something happens next; infinity where nothing does."""
        return self._will[0][0] if self._will else float("inf")

    @property
    def to_come(self) -> list[tuple[float, Act, tuple[Any, ...]]]:
        """What will happen: when, what, and with what."""
        return [(when, act, arguments) for when, _, act, arguments in sorted(self._will)]

    def step(self) -> None:
        """Have the next thing happen."""
        when, _, act, arguments = heapq.heappop(self._will)
        self.now = max(self.now, when)
        act(*arguments)
        if self.moved:
            self.moved(getattr(act, "__self__", None))

    def forget(self, part: object) -> None:
        """Nothing of this part is to happen any more."""
        self._will = [it for it in self._will if getattr(it[2], "__self__", None) is not part]
        heapq.heapify(self._will)

    def pass_by(self, seconds: float) -> None:
        """Let time pass in which nobody types anything."""
        until = self.now + seconds
        while self.next <= until:
            self.step()
        self.now = max(self.now, until)

    def at(self, offset: float = 0.0) -> datetime:
        """What time it is, in UTC.

        + offset: seconds by which the clock of a node is fast
        """
        return BEGAN + timedelta(seconds=self.now + offset)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "moved": None}
