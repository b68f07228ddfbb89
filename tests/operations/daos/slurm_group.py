"""A control group as Slurm makes one for a job, in whatever hierarchy this machine has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

# Where the groups of jobs are with v1, below each hierarchy, and with v2.
_V1 = "slurm-test/uid_65534/job_{}"
_V2 = "slurm-test.slice/slurmstepd.scope/job_{}"


@contextmanager
def slurm_job(number: int) -> Iterator[Callable[[int], None]]:
    """A group for the processes of a job; gives what puts a process into it."""
    group = next(_groups(number), None)
    if group is None:
        pytest.skip("no control group can be made here: none is mounted that may be written to")
    try:
        yield lambda pid: _put((group / "cgroup.procs"), pid)
    finally:
        for folder in (group, *group.parents[:2]):
            with suppress(OSError):
                folder.rmdir()


def _put(procs: Path, pid: int) -> None:
    procs.write_text(f"{pid}\n")


def _groups(number: int) -> Iterator[Path]:
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        name = {"cgroup": _V1, "cgroup2": _V2}.get(kind)
        if name and (kind == "cgroup2" or "freezer" in options):
            group = Path(where) / name.format(number)
            with suppress(OSError):
                group.mkdir(parents=True, exist_ok=True)
                yield group
