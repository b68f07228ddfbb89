"""A control group as Slurm makes one for a job, in whatever hierarchy this machine has."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

# Where the groups of jobs are with v1, below each hierarchy, and with v2.
_V1 = "slurm-test/uid_65534/job_{}"
_V2 = "slurm-test.slice/slurmstepd.scope/job_{}"


@contextmanager
def slurm_job(number: int) -> Iterator[Callable[[int], None]]:
    """A group for the processes of a job; gives what puts a process into it."""
    with ExitStack() as stack:
        group = next(_groups(number), None) or stack.enter_context(_mounted(number))
        try:
            yield lambda pid: _put((group / "cgroup.procs"), pid)
        finally:
            for folder in (group, *group.parents[:2]):
                with suppress(OSError):
                    folder.rmdir()


@contextmanager
def _mounted(number: int) -> Iterator[Path]:
    """Such a group where none that is mounted may be written to, as in many a container."""
    with TemporaryDirectory() as where:
        subprocess.run(["mount", "-t", "cgroup2", "none", where], check=True)
        try:
            group = Path(where) / _V2.format(number)
            group.mkdir(parents=True)
            yield group
        finally:
            subprocess.run(["umount", "-l", where], check=True)


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
