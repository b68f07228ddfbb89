"""Whether the process that follows a run is still there: by its host, its id, and when it began."""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

ALIVE, DEAD, ELSEWHERE = "alive", "dead", "elsewhere"


def myself() -> dict[str, Any]:
    """This process, as it stands in report.json.

    + host: where it runs
    + boot: what no other boot of any host has; "" where that is not known
    + pid: its id
    + ticks: when it began, in clock ticks since that boot, since ids are used again; None where
      that is not known
    """
    return dict(_process(os.getpid()))


def state(process: Mapping[str, Any]) -> str:
    """Whether a process is there: ALIVE, DEAD, or ELSEWHERE, where nobody can tell from here.

    + process: as `myself` gives it; {} of a report that says nothing is DEAD
    """
    if not process:
        return DEAD
    if process.get("host") != socket.gethostname() or process.get("ticks") is None:
        return ELSEWHERE
    if process.get("boot") != _boot():
        return DEAD
    ticks = _ticks(int(process.get("pid") or 0))
    return ALIVE if ticks is not None and ticks == process.get("ticks") else DEAD


@lru_cache(maxsize=1)  # it stays what it is
def _process(pid: int) -> dict[str, Any]:
    return {"host": socket.gethostname(), "boot": _boot(), "pid": pid, "ticks": _ticks(pid)}


def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _ticks(pid: int) -> int | None:
    """When a process began; None where there is none of this id, or only what is left of it."""
    try:
        # The name of its program, in brackets, may have anything in it.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])
