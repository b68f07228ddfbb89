"""Every single fault at every command of an update, and of a way back; none is left out.

The run that all have in common is made once. At each of its commands the process is copied, and
each copy has a fault of its own from there on. Where two faults cannot differ, one is played: what
a node's program is told of makes no difference before that program asks for it.
"""

import os
import pickle
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gevent.monkey import get_original

from testbed.faults import Fault
from testbed.simulation import faults
from testbed.simulation.faults import KINDS, OfTheWay, Planted, Signal

from .cases import BACK, UPDATE, Case, simple
from .play import Played, Site, play

# What changes how the answer comes: there it matters whether the command is done already. For all
# others "after" is the same as "before" the next one.
_OF_THE_ANSWER = {faults.BROKEN_PIPE.name, faults.HOST_HANGS.name, "power lost", "reboot"}


def all_faults(case: Case, run: int, commands: list[tuple[str, str]]) -> Iterator[Planted]:
    """Every fault at every command of a run.

    + commands: these, each with its node
    """
    roles = {host.name: set(host.roles) for host in case.hosts}
    for number, (node, line) in enumerate(commands):
        for name, kind in KINDS.items():
            if isinstance(kind, Fault) and kind.roles and not kind.roles & roles[node]:
                continue
            yield Planted(run, number, "before", name)
            if name in _OF_THE_ANSWER:
                yield Planted(run, number, "after", name)
            if _takes_time(line) and not isinstance(kind, OfTheWay):
                yield Planted(run, number, "middle", name)


def _takes_time(line: str) -> bool:
    """Whether a command has a middle: it waits for something, or does several things."""
    return not (line.startswith("sh -c 'server=") or line.startswith("dmg -j system query"))
