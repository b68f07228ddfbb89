"""Copies a whole tree with dcp of mpiFileUtils, on several clients under MPICH's mpirun.

The command line of dcp is the one that DAOS's own instructions give. Each of its processes is
started by this tool, in a view of its node that holds nothing else than what is copied (enclosure).
A slash behind the source makes dcp copy what is in it, whether or not the destination exists.
`--sparse` is known to mpiFileUtils since before 0.9 (2018); FIFOs and devices are passed over by
dcp, hard links become files of their own.
"""

import os
import time
from typing import Dict, List, NamedTuple, Tuple

from . import children
from .beneath import full
from .failure import Failure, room
from .tree import FILE, Tree
from .way import Way

# mpirun listens on a port of these, that no other user can have; see `entrance`.
PORTS = b"512:1023"
_PATIENCE = 20  # times as long as a look at the destination takes, until the next one


class Job(NamedTuple):
    """How a parallel job is started.

    + mpirun, dcp: the programs, by path or by name
    + hosts: the file that names the clients, one a line
    + processes: how many processes copy, on all clients together
    + tool: what starts this tool, the same on all clients
    + needs: folders that dcp needs besides those of the system
    + launcher: what mpirun calls for ssh to start them; b"" for ssh as root has it
    """

    mpirun: bytes
    dcp: bytes
    hosts: bytes
    processes: int
    tool: Tuple[bytes, ...]
    needs: Tuple[bytes, ...] = ()
    launcher: bytes = b""


def copy(way: Way, want: Tree, job: Job) -> None:
    """Copy everything. Raises Failure where dcp fails; what is there is not to be trusted then."""
    watch = _Watch(way, want)
    code, said = children.run(command(way, job), b"/", environment(job.launcher), watch.look)
    if code:
        raise Failure("dcp under mpirun ended with {}: {}; {}".format(code, said, room(way.target)))


def command(way: Way, job: Job) -> List[bytes]:
    """What is typed for it; every process is given the library."""
    many = str(job.processes).encode("ascii")
    start = [
        job.mpirun,
        *launched(job.launcher),
        b"-np",
        many,
        b"-f",
        job.hosts,
        *job.tool,
        b"enclosed",
    ]
    for option, paths in ((b"--see", (way.source, way.target)), (b"--needs", job.needs)):
        start += [word for path in paths for word in (option, path)]
    preload = [b"--preload", way.preload] if way.preload else []
    source = way.source.rstrip(b"/") + b"/"
    return [*start, *preload, b"--", job.dcp, b"--preserve", b"--sparse", source, way.target]


def launched(launcher: bytes) -> List[bytes]:
    """The options of mpirun by which a launcher of ours starts its processes; none without one."""
    return [b"-launcher", b"ssh", b"-launcher-exec", launcher] if launcher else []


def environment(launcher: bytes) -> Dict[bytes, bytes]:
    """The variables for that."""
    return {b"MPIEXEC_PORT_RANGE": PORTS} if launcher else {}


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
