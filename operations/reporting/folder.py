"""The folder of a run, and runs/latest: the run that is on, or else the last one that has acted."""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from . import alive

RUNS = Path("runs")
LATEST = RUNS / "latest"

REPORT, PAGE, LOG = "report.json", "report.html", "run.log"

_DONE_NOTHING = ("refused", "declined", "nothing to do")


class Folder:
    """Where one run writes.

    + path: the folder itself
    + written: the names of the files that are there as they were written last
    + problem: why the last one could not be written; "" where it could
    """

    def __init__(self, began: datetime) -> None:
        """Make one, named by the UTC start of the run. Raises OSError."""
        self.path = _made(began)
        self.written: set[str] = set()
        self.problem = ""
        self._before: Path | None = None  # what runs/latest pointed to before this run was on
        if not _target():
            self._point_to(self.path.name)

    def write(self, name: str, content: bytes) -> bool:
        """Write a file such that it is whole, or as it was before; returns whether it is whole."""
        path = self.path / name
        draft = path.with_name(f".{name}.tmp")
        try:
            draft.write_bytes(content)
            draft.replace(path)
        except OSError as problem:
            self.problem = str(problem)
            self.written.discard(name)
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            return False
        self.problem = ""
        self.written.add(name)
        return True

    def is_on(self) -> None:
        """The run has begun with its steps: runs/latest points to it while it is on.

        Another one that is on is not hidden by it.
        """
        latest = _target()
        if latest is None or latest.name == self.path.name or is_on(read(latest)):
            return
        self._before = latest
        self._point_to(self.path.name)

    def ends(self, acted: bool) -> None:
        """The run is over: runs/latest points to it if it has acted, or where no other one has.

        + acted: whether it has stopped, updated or started something, or brought its work to an end
        """
        latest = _target()
        if acted or latest is None:
            self._point_to(self.path.name)
        elif latest.name == self.path.name:
            if self._before and has_acted(read(self._before)):
                self._point_to(self._before.name)
        elif not (has_acted(read(latest)) or is_on(read(latest))):
            self._point_to(self.path.name)

    def forget(self) -> None:
        """Nothing came of the run: leave no trace of it."""
        with suppress(OSError):
            for name in (REPORT, PAGE, LOG):
                (self.path / name).unlink(missing_ok=True)
            self.path.rmdir()
            if LATEST.is_symlink() and not LATEST.exists():
                LATEST.unlink()

    def _point_to(self, name: str) -> None:
        """On a full disk runs/latest stays as it is."""
        link = RUNS / f".latest-{self.path.name}"
        with suppress(OSError):
            link.unlink(missing_ok=True)
            link.symlink_to(name)
            link.replace(LATEST)


def read(folder: Path) -> dict[str, Any]:
    """The report in the folder of a run; {} where there is none that can be read."""
    try:
        found = json.loads((folder / REPORT).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def all_runs() -> list[Path]:
    """The folders of all runs, the newest first."""
    found = [path for path in RUNS.glob("*") if path.is_dir() and not path.is_symlink()]
    return sorted(found, key=_age, reverse=True)


def has_acted(report: Mapping[str, Any]) -> bool:
    """Whether a run has stopped, updated or started something.

    The report of an older release tells by its outcome alone.
    """
    known = report.get("acted")
    if known is not None:
        return bool(known)
    return bool(report) and report.get("outcome") not in _DONE_NOTHING


def is_on(report: Mapping[str, Any]) -> bool:
    """Whether a run is on; one on another host is, as long as it says so."""
    running = report.get("outcome") == "running"
    return running and alive.state(report.get("process") or {}) != alive.DEAD


def _age(path: Path) -> tuple[str, int]:
    """By name, the tenth of one second after the second."""
    stamp, _, number = path.name.partition("Z")
    digits = number.lstrip("-")
    return stamp, int(digits) if digits.isdigit() else 0


def _target() -> Path | None:
    """The folder that runs/latest points to, None where there is none."""
    try:
        path = RUNS / LATEST.readlink()
    except OSError:
        return None
    return path if path.is_dir() else None


def _made(began: datetime) -> Path:
    RUNS.mkdir(0o700, exist_ok=True)
    stamp = began.strftime("%Y-%m-%dT%H-%M-%SZ")
    for name in (stamp, *(f"{stamp}-{number}" for number in range(2, 100))):
        with suppress(FileExistsError):
            (RUNS / name).mkdir(0o700)  # it may name files and jobs of users
            return RUNS / name
    raise OSError(f"{RUNS} has too many runs of {stamp}")
