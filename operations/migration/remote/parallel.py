"""Copies a whole tree with dcp of mpiFileUtils, on several clients under MPICH's mpirun.

The command line is the one that DAOS's own instructions give. A slash behind the source makes dcp
copy what is in it, whether or not the destination exists. `--sparse` is known to mpiFileUtils since
before 0.9 (2018); FIFOs and devices are passed over by dcp, hard links become files of their own.
"""

import os
import time
from typing import List, NamedTuple

from . import children
from .beneath import full
from .failure import Failure, room
from .tree import FILE, Tree
from .way import Way

_PATIENCE = 20  # times as long as a look at the destination takes, until the next one


class Job(NamedTuple):
    """How a parallel job is started.

    + mpirun, dcp: the programs, by path or by name
    + hosts: the file that names the clients, one a line
    + processes: how many processes copy, on all clients together
    """

    mpirun: bytes
    dcp: bytes
    hosts: bytes
    processes: int


def copy(way: Way, want: Tree, job: Job) -> None:
    """Copy everything. Raises Failure where dcp fails; what is there is not to be trusted then."""
    watch = _Watch(way, want)
    code, said = children.run(command(way, job), b"/", watch=watch.look)
    if code:
        raise Failure("dcp under mpirun ended with {}: {}; {}".format(code, said, room(way.target)))


def command(way: Way, job: Job) -> List[bytes]:
    """What is typed for it; every process is given the library."""
    environment = [b"-genv", b"LD_PRELOAD", way.preload] if way.preload else []
    many = str(job.processes).encode("ascii")
    start = [job.mpirun, *environment, b"-np", many, b"-f", job.hosts]
    source = way.source.rstrip(b"/") + b"/"
    return [*start, job.dcp, b"--preserve", b"--sparse", source, way.target]


class _Watch:
    """How much is there, by the storage that files take, as dcp writes them in no order.

    A look at many files takes its time, and is taken the more rarely.
    """

    def __init__(self, way: Way, want: Tree) -> None:
        self._way = way
        self._files = [entry for entry in want.values() if entry.type == FILE]
        self._next = time.monotonic() + 1

    def look(self) -> None:
        began = time.monotonic()
        if began < self._next:
            return
        count = done = 0
        for entry in self._files:
            try:
                status = os.lstat(full(self._way.target, entry.path))
            except OSError:
                continue
            there = min(status.st_blocks * 512, entry.size)
            done += 0 if entry.leader else there
            count += there == entry.size
        self._way.progress.at(count, done)
        now = time.monotonic()
        self._next = now + max(1.0, _PATIENCE * (now - began))
