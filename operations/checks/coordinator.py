"""The machine where the command is typed: what a run does has to be written down there."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..machinery.run import Run
from ..rules.findings import Finding

_RUNS = Path("runs")
_LEAST = 32  # MiB: a report of a thousand nodes has 2, and is written anew beside the old one
_PROBE = bytes(1 << 20)


def findings(current: Run) -> Iterator[Finding]:
    """Where no report can be written, DAOS is not stopped; what is stopped already goes on."""
    start = current.start
    if not start.opens_window or not start.serving or start.record:
        return
    folder = (_RUNS if _RUNS.is_dir() else Path()).resolve()
    if problem := _problem(folder):
        yield Finding(
            "no-report",
            (),
            f"what this run does could not be written to {_RUNS}/ on {socket.gethostname()}: "
            f"{problem}. Make room in {folder}, or type the command in a copy of this folder that "
            "can be written to",
        )


def _problem(folder: Path) -> str:
    """Why nothing can be written to a folder, "" where it can."""
    try:
        free = shutil.disk_usage(folder).free >> 20
        with tempfile.TemporaryFile(dir=folder) as probe:  # a quota is no matter of what is free
            probe.write(_PROBE)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as problem:
        return problem.strerror or str(problem)
    return f"only {free} MiB are free, and {_LEAST} are needed" if free < _LEAST else ""
