"""Where what is said goes: to people by stdout, what is wrong by stderr, all of it into run.log.

pyinfra says a line or more for each node and each step. Without -v these stand in run.log alone:
a run says by itself how it goes, a line a step, and what is wrong with equal nodes once.
"""

import logging
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TextIO

import click
from pyinfra import logger

from . import terminal
from .progress import shown

# Not by importing them: pyinfra_cli replaces what waits, in the whole process.
_PYINFRA = tuple(
    f"{Path(str(spec.origin)).parent}/"
    for spec in (find_spec("pyinfra"), find_spec("pyinfra_cli"))
    if spec
)
# Where pyinfra says of each node what a run says of all of them together.
_EACH = {("host", "connect"), ("util", "log_error_or_warning")}
_COLOURS = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "red"}

QUIETLY = {"quietly": True}  # `extra` of what is for -v and run.log: it is told in short as well


class Terminal(logging.Handler):
    """Says what is for people at the terminal, or to whatever reads the two streams.

    + verbose: also what pyinfra says of each node and step
    + only_wrong: nothing goes to stdout, which is kept for JSON
    """

    def __init__(self, verbose: bool, only_wrong: bool) -> None:
        super().__init__()
        self._verbose, self._only_wrong = verbose, only_wrong

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, where it is to be shown."""
        if not (self._verbose or _matters(record)):
            return
        wrong = self._only_wrong or record.levelno >= logging.WARNING
        try:
            shown.clear()
            click.echo(_styled(record), err=wrong)
        except OSError:
            _to_nobody(sys.stderr if wrong else sys.stdout)
        except Exception:
            self.handleError(record)


class Log(logging.Handler):
    """Writes everything that is said into a file, each line with its time in UTC.

    What is said before there is such a file is kept until then.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[str] = []
        self._file: IO[str] | None = None

    def begins(self, folder: Path) -> None:
        """Write to run.log in this folder, which is the run's own, from now on."""
        with suppress(OSError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            file = os.open(folder / "run.log", flags, 0o600)
            self._file = os.fdopen(file, "a", encoding="utf-8", errors="backslashreplace")
            self._write("".join(self._waiting))
        self._waiting.clear()

    def emit(self, record: logging.LogRecord) -> None:
        """Write it down. A disk that is full is told once, by whoever writes the report."""
        time = datetime.fromtimestamp(record.created, UTC)
        text = terminal.plain(record.getMessage()).replace("\n", "\n    ")
        stamp = time.isoformat(timespec="milliseconds").removesuffix("+00:00")
        line = f"{stamp}Z {record.levelname:7} {text}\n"
        if self._file is None:
            self._waiting.append(line)
        else:
            with suppress(OSError):
                self._write(line)

    def _write(self, text: str) -> None:
        assert self._file
        self._file.write(text)
        self._file.flush()


log = Log()


def take(verbose: bool, only_wrong: bool) -> None:
    """Say all from here on, in the place of pyinfra; arguments as of `Terminal`."""
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
    logger.addHandler(Terminal(verbose, only_wrong))
    logger.addHandler(log)


def _to_nobody(stream: TextIO) -> None:
    """Nobody reads it any more (`| head`, a terminal that is gone): that ends no run."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _is_pyinfras(record: logging.LogRecord) -> bool:
    return record.pathname.startswith(_PYINFRA)


def _matters(record: logging.LogRecord) -> bool:
    if getattr(record, "quietly", False):
        return False
    if not _is_pyinfras(record):
        return True
    return record.levelno >= logging.WARNING and (record.module, record.funcName) not in _EACH


def _styled(record: logging.LogRecord) -> str:
    text = record.getMessage()
    if _is_pyinfras(record) and "-->" not in text:
        text = f"    {text}"
    colour = _COLOURS.get(record.levelno)
    return click.style(text, colour) if colour else text
