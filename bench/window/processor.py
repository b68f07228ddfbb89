"""Whose the processor time of this machine is while something is measured."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE = (3, 4)  # columns of /proc/stat, see proc(5): idle, and waiting for a disk
_GUESTS = 8  # from here on they are counted twice
# What all containers of Docker have used: where it stands, after which word, in which part of a
# second. Where systemd has a group for each container, nothing tells it of all.
_GROUPS = (
    ("/sys/fs/cgroup/cpuacct/docker/cpuacct.usage", "", 1e-9),
    ("/sys/fs/cgroup/docker/cpu.stat", "usage_usec ", 1e-6),
)


class Share:
    """Whose it was.

    + others: the part of all that was used which was neither of this process, nor of what it has
      started and what has ended, nor of containers; None where nothing tells what these use. What
      dockerd does, and who keeps connections, are others
    """

    others: float | None = None


@contextmanager
def shared() -> Iterator[Share]:
    """Measure it for the block; the share is told once it has ended."""
    share, before, ours = Share(), _used(), _ours()
    yield share
    used, now = _used() - before, _ours()
    if ours is not None and now is not None and used > 0:
        share.others = max(0.0, 1 - (now - ours) / used)


def _used() -> float:
    """Seconds that all processors were not idle."""
    numbers = [*map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:])][:_GUESTS]
    return sum(it for column, it in enumerate(numbers) if column not in _IDLE) / _TICKS


def _ours() -> float | None:
    """Seconds of this process, of what it has started and what has ended, and of containers."""
    own = [resource.getrusage(it) for it in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    for path, before, unit in _GROUPS:
        if Path(path).exists():
            text = Path(path).read_text().splitlines()[0].removeprefix(before)
            return int(text) * unit + sum(it.ru_utime + it.ru_stime for it in own)
    return None
