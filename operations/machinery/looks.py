"""What each node was seen to have last, for as long as nothing has been done there since."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager

from ..daos.node import Node

Seen = tuple[Node | None, str]  # as of `hosts.look`


class Looks:
    """The last look at each node.

    A step that has acted on a node looks at it to see what came of that. Right after it the next
    step wants to know how all nodes are: it looks at those that nobody has looked at since.

    + takes: how many seconds it takes to look at all nodes. What was seen since may serve whoever
      would look at all of them: by the end of that, it would be as old as that. A node that is
      slow, or gives no answer, makes it no longer
    """

    def __init__(self) -> None:
        self.takes = 0.0
        self._last: dict[str, tuple[float, Seen]] = {}
        self._under_way: dict[str, object] = {}

    def at(self, name: str, look: Callable[[], Seen], fresh: float = 0) -> Seen:
        """What a node has; no answer is not kept, so such a node is asked each time.

        + look: looks at it
        + fresh: how many seconds ago that may have been; 0: it is looked at now
        """
        made, seen = self._last.pop(name, (0.0, None))
        if seen and fresh and time.monotonic() - made <= fresh:
            self._last[name] = made, seen
            return seen
        this = self._under_way[name] = object()
        found = look()
        if found[0] and self._under_way.get(name) is this:
            self._last[name] = time.monotonic(), found
        return found

    def learns(self, began: float, names: Collection[str]) -> None:
        """All of these nodes have been looked at, or were looked at before.

        + began: when that was begun, by the clock of time.monotonic()
        """
        moments = sorted(self._last[it][0] for it in names if it in self._last)
        made = [moment - began for moment in moments if moment >= began]
        if len(made) > len(names) // 2:  # else it tells nothing of all
            self.takes = made[len(made) // 2] * len(names) / (len(made) // 2 + 1)

    def oldest(self, names: Iterable[str]) -> float:
        """When the one of these nodes was looked at that nobody has looked at since, by the clock
        of time.monotonic(); infinity where there is none.
        """
        return min((self._last[it][0] for it in names if it in self._last), default=float("inf"))

    @contextmanager
    def changing(self, name: str) -> Iterator[None]:
        """Something is done on a node: what was seen of it before, or is meanwhile, serves nobody.

        + name: of the node
        """
        self.forget(name)
        try:
            yield
        finally:
            self.forget(name)

    def forget(self, *names: str) -> None:
        """Something may have been done on these nodes; on all, where none is named."""
        for name in names or [*self._last, *self._under_way]:
            self._last.pop(name, None)
            self._under_way.pop(name, None)
