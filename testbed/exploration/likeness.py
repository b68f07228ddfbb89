"""Which clusters are alike: what is typed on them next goes the same way, and ends the same.

They are alike where everything on them is the same, but for the moments at which it came to be so
and the numbers of processes and connections: no procedure goes by these.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testbed.referee.judge import judge
from testbed.simulation.clock import Clock
from testbed.simulation.cluster import Cluster
from testbed.simulation.files import Files
from testbed.simulation.node import Node

if TYPE_CHECKING:
    from .play import Playing

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# As records have it, and as seconds since 1970 in a simulated cluster's years.
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d[:-]\d\d[:-]\d\d(?:\.\d+)?(?:Z|\+00:00)?|\b17\d{8}(?:\.\d+)?\b"
)
# What has been, and what counts: nothing is decided by it any more.
_PAST = {"events", "asked", "moved", "older", "pids", "connection", "done", "up_since"}
_PAST |= {"_count", "_job", "_election"}
# What was downloaded: each procedure downloads all that it installs.
_PAST |= {"fetched"}
# Of these it matters alone whether there is one.
_NUMBERS = {"written", "started", "incarnation", "pid", "main_pid", "last_update", "boots"}


class Known:
    """What was played already, by whichever of several processes.

    + folder: has a file for each cluster that something was typed on
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, playing: Playing) -> bool:
        """Whether it is known how a case goes on from here; it is from now on.

        It is not where a fault is still to come.
        """
        case, number = playing.case, playing.number
        if any(fault.run >= number for fault in case.faults):
            return False
        to_come = playing.words, case.typed[number:], case.pause, playing.done, playing.owed
        told = f"{to_come} {of(playing.cluster)}"
        try:
            (self._folder / hashlib.sha256(told.encode()).hexdigest()).touch(exist_ok=False)
        except FileExistsError:
            return True
        return False


def of(cluster: Cluster) -> str:
    """A text that clusters have in common which are alike, and no others."""
    broken = [it.rule for it in judge(cluster.events) if it.state == "broken"]
    text = " ".join(_Walk(cluster.clock.now).through("", cluster))
    text = _MOMENT.sub("moment", text)
    names: dict[str, str] = {}
    text = _UUID.sub(lambda it: names.setdefault(it[0], f"id{len(names)}"), text)
    return f"{broken} {text}"


class _Walk:
    """A walk through all that a cluster is made of."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._seen: dict[int, int] = {}
        self._may_be_lost = True

    def through(self, name: str, part: Any) -> Iterator[str]:
        """What there is, in words.

        + name: of the attribute that has it
        """
        if name in _NUMBERS or (name == "version" and isinstance(part, int)):  # of a pool's map
            yield str(bool(part))
        elif part is None or isinstance(part, bool | int | float | str):
            yield repr(part)
        elif isinstance(part, set | frozenset):
            yield repr(sorted(part))
        elif id(part) in self._seen:
            yield f"<{self._seen[id(part)]}>"
        else:
            self._seen[id(part)] = len(self._seen)
            yield from self._within(part)

    def _within(self, part: Any) -> Iterator[str]:
        if isinstance(part, Clock):
            yield from self._to_come(part)
        elif isinstance(part, tuple | list):
            for it in part:
                yield from self.through("", it)
            yield "end"
        elif isinstance(part, dict):
            for key in sorted(part, key=repr):
                yield f"{key!r}:"
                yield from self.through("", part[key])
            yield "end"
        else:
            yield from self._of(part)

    def _of(self, part: Any) -> Iterator[str]:
        yield type(part).__name__
        if isinstance(part, Node):
            # What its memory has is on disk as well, but where it is switched off.
            self._may_be_lost = part.hangs or not part.up
        if isinstance(part, Node) and part.lock:
            yield "held" if part.lock.connection == part.connection else "left"
        past = _PAST
        if isinstance(part, Files) and not self._may_be_lost:
            past = _PAST | {"_safe"}
        for name, it in sorted(vars(part).items()):
            if name not in past:
                yield f"{name}="
                yield from self.through(name, it)

    def _to_come(self, clock: Clock) -> Iterator[str]:
        for when, act, arguments in clock.to_come:
            yield f"in {when - self._now:.3f} {getattr(act, '__qualname__', act)}"
            yield from self.through("", getattr(act, "__self__", None))
            yield from self.through("", arguments)
