"""A command of the site's own on this machine: what it says, a time-out, and an end of all of it.

It is started apart from the terminal: a Ctrl-C that is pressed there is for the run, which ends the
command in its own time. All of it is found by its session, and by a word in its environment that
what it starts inherits, wherever that goes.
"""

import os
import secrets
import shutil
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import gevent
from gevent.os import make_nonblocking, nb_read, nb_write
from gevent.pool import Group
from gevent.subprocess import Popen, TimeoutExpired

from ..daos.shown import in_line

_MARK = "DAOS_UPDATE_HOOK"  # in the environment of all that a command starts
_GRACE = 2  # seconds from SIGTERM to SIGKILL
_TICK = 0.25  # seconds between two looks whether it has to end
_SHOWN = 100  # lines that are shown as they come
_KEPT = 50  # lines that are kept, the last ones
_LENGTH = 2000  # bytes of a line; the rest is another one
_AT_ONCE = 65536  # bytes, as many as a pipe holds
_PIECES = 16  # of these that are read once it has ended


@dataclass(frozen=True)
class Ended:
    """How a command has ended.

    + code: its exit code, below 0 for the signal that has ended it; None where it was ended for
      `why`
    + lines: the last that it said
    """

    code: int | None
    lines: tuple[str, ...]
    why: str = ""


_endings = Group()  # of commands that are just being ended


def all_ended() -> None:
    """Wait until nothing is left of commands that had to be ended."""
    _endings.join(timeout=3 * _GRACE)


def unusable(words: Sequence[str]) -> str | None:
    """Why a command cannot be run; None where it can.

    + words: the program and its arguments; a path counts from the present folder
    """
    word = words[0]
    found = shutil.which(word)
    if found:
        return _uninterpretable(word, Path(found))
    if "/" not in word:
        return f"there is no {word} on PATH"
    if not Path(word).exists():
        return f"there is no {word}"
    return f"{word} is not executable: `chmod +x {word}`"


def _uninterpretable(word: str, program: Path) -> str | None:
    """A script that nothing can run."""
    with suppress(OSError):  # one that may be run need not be readable
        with program.open("rb") as file:
            first = file.readline(256)
        if not first.startswith(b"#!"):
            return None
        interpreter = first[2:].strip(b" \t\n").split(b" ")[0].decode(errors="backslashreplace")
        if not os.access(interpreter, os.X_OK):
            return f"{word} begins with #!{in_line(interpreter)}, which is no program here"
    return None


def run(
    words: Sequence[str],
    text: str,
    environment: Mapping[str, str],
    seconds: float,
    say: Callable[[str], object],
    ends: Callable[[], str],
) -> Ended:
    """Run a command to its end, while other greenlets go on.

    + text: what it finds on standard input
    + environment: what it has besides that of this process
    + seconds: how long it may take; then all of it is ended
    + say: shows a line of what it says
    + ends: why it has to end now; "" where it may go on

    Raises OSError where it cannot be started.
    """
    lines = _Lines(say)
    with _Command(words, environment, text, lines) as command:
        code, why = command.wait(seconds, ends)
    lines.end()
    return Ended(code, lines.kept, why)


class _Command:
    """A command that runs: all of it has ended, one way or another, when the `with` block ends."""

    def __init__(
        self, words: Sequence[str], environment: Mapping[str, str], text: str, lines: "_Lines"
    ) -> None:
        self._mark = secrets.token_hex(16)
        self._lines = lines
        self._over = False
        theirs, ours = os.pipe()  # its standard input
        self._answers, shown = os.pipe()
        try:
            self._process = Popen(
                list(words),
                stdin=theirs,
                stdout=shown,
                stderr=shown,
                env={**os.environ, **environment, _MARK: self._mark},
                start_new_session=True,
            )
        except BaseException:
            os.close(ours)
            os.close(self._answers)
            raise
        finally:
            os.close(theirs)
            os.close(shown)
        make_nonblocking(self._answers)
        self._born = _born(self._process.pid)
        self._greenlets = [gevent.spawn(_write, ours, text.encode()), gevent.spawn(self._read)]

    def __enter__(self) -> "_Command":
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if not self._over:  # the run ends, or its time is over
                # Whoever waits here may be ended meanwhile, and this goes on.
                _endings.spawn(self._end).join()
        finally:
            gevent.killall(self._greenlets)
            self._rest()
            os.close(self._answers)

    def wait(self, seconds: float, ends: Callable[[], str]) -> tuple[int | None, str]:
        """Its exit code; None where it has to end before, and why."""
        deadline = time.monotonic() + seconds
        while not (why := ends()):
            left = deadline - time.monotonic()
            if left <= 0:
                return None, f"it has not ended within {seconds:g} seconds"
            with suppress(TimeoutExpired):
                code = self._process.wait(timeout=min(left, _TICK))
                self._over = True
                return code, ""
        return None, why

    def _read(self) -> None:
        while piece := nb_read(self._answers, _AT_ONCE):
            self._lines.take(piece)

    def _rest(self) -> None:
        """What it has said before it ended, and nobody has read; who still runs may say more."""
        with suppress(BlockingIOError):
            for _ in range(_PIECES):
                if piece := os.read(self._answers, _AT_ONCE):
                    self._lines.take(piece)

    def _end(self) -> None:
        """End all of it: by asking at first."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            told: set[int] = set()
            deadline = time.monotonic() + _GRACE
            while (there := {*self._family()}) and time.monotonic() < deadline:
                for pid in there - told:
                    with suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, number)
                told |= there
                gevent.sleep(0.05)

    def _family(self) -> Iterator[int]:
        """The processes of it that live."""
        if self._born is None:  # no /proc here
            if self._process.poll() is None:
                yield self._process.pid
            return
        for folder in Path("/proc").glob("[0-9]*"):
            state, session, born = _stat(int(folder.name))
            if state in ("", "Z", "X") or born < self._born:
                continue
            if session == self._process.pid or self._has_mark(folder):
                yield int(folder.name)

    def _has_mark(self, folder: Path) -> bool:
        with suppress(OSError):
            return f"{_MARK}={self._mark}".encode() in (folder / "environ").read_bytes()
        return False


def _write(end: int, text: bytes) -> None:
    """Whoever reads nothing, or not all of it, has nothing written to it."""
    try:
        make_nonblocking(end)
        with suppress(BrokenPipeError):
            while text:
                text = text[nb_write(end, text) :]
    finally:
        os.close(end)


def _stat(pid: int) -> tuple[str, int, int]:
    """A process's state, its session, and when it has started, in ticks; "" where it is none."""
    try:
        line = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return "", 0, 0
    words = line.rpartition(b")")[2].split()  # its name may hold anything
    return words[0].decode(), int(words[3]), int(words[19])


def _born(pid: int) -> int | None:
    state, _, born = _stat(pid)
    return born if state else None


class _Lines:
    """What a command says, line by line.

    + kept: the last of it
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._kept: deque[str] = deque(maxlen=_KEPT)
        self._begun = b""
        self._count = 0

    @property
    def kept(self) -> tuple[str, ...]:
        return tuple(self._kept)

    def take(self, piece: bytes) -> None:
        """More of what it says."""
        *whole, self._begun = (self._begun + piece).split(b"\n")
        for line in whole:
            self._line(line)
        if len(self._begun) >= _LENGTH:
            self._line(self._begun)
            self._begun = b""

    def end(self) -> None:
        """It says no more."""
        if self._begun:
            self._line(self._begun)
        if self._count > _SHOWN:
            self._say(f"... and {self._count - _SHOWN} lines more")

    def _line(self, line: bytes) -> None:
        for at in range(0, max(len(line), 1), _LENGTH):
            text = line[at : at + _LENGTH].decode(errors="backslashreplace").rstrip("\r")
            self._count += 1
            self._kept.append(text)
            if self._count <= _SHOWN:
                self._say(text)
