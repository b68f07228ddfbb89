"""How far a run is, while somebody waits: a line drawn anew at a terminal, else one at times."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import gevent
from pyinfra import progress as spinner

from ..daos.shown import in_line
from ..rules.secrets import masked

_TURN = 0.25  # seconds between two drawings
_LOOK = 1.0  # seconds between two looks whether a line is due, where lines stay
# Where lines stay, there are fewer and fewer of them: seconds until the first, and at most.
_FIRST, _SELDOM = 10.0, 300.0
_COLUMNS = 80  # of a terminal that does not say how wide it is
_BACK, _CLEAR = "\r", "\r\033[K"

say: Callable[[str], None] = print  # how a line that stays is said; `run` sets it


class Progress:
    """How far the run is. One process has one terminal, and so one of these: `shown`."""

    def __init__(self) -> None:
        self._tell: Callable[[], str] | None = None
        self._began = self._due = 0.0
        self._width = 0  # of what is drawn now
        self._drawer: gevent.Greenlet | None = None
        self.detail = ""  # what is waited for within that, and how far it is

    def begins(self, tell: Callable[[], str]) -> None:
        """Something begins that takes a while.

        + tell: says what it is and how far, in a few words; it is asked again and again
        """
        self.ends()
        if os.environ.get("PYINFRA_PROGRESS") == "off":
            return
        self._tell, self._began, self._due = tell, time.monotonic(), _FIRST
        self._drawer = self._drawer or gevent.spawn(self._draw)

    def ends(self) -> None:
        """It is over."""
        self._tell, self.detail = None, ""
        self.clear()

    @contextmanager
    def telling(self, words: str) -> Iterator[None]:
        """Meanwhile it is this that takes a while."""
        self.begins(lambda: words)
        try:
            yield
        finally:
            self.ends()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Meanwhile somebody is asked something."""
        told, self._tell = self._tell, None
        self.clear()
        try:
            yield
        finally:
            self._tell = told

    def clear(self) -> None:
        """Make room for a line that stays."""
        if self._width:
            sys.stdout.write(_CLEAR)
            sys.stdout.flush()
            self._width = 0

    def text(self) -> str:
        """What is shown right now; "" for nothing."""
        if self._tell is None:
            return ""
        seconds = time.monotonic() - self._began
        words = [self._tell(), f"{seconds:.0f} s", self.detail]
        return in_line(masked(", ".join(filter(None, words))))

    def _draw(self) -> None:
        while True:
            gevent.sleep(_TURN if sys.stdout.isatty() else _LOOK)
            if self._tell is None:
                continue
            if sys.stdout.isatty():
                with suppress(OSError):  # it is gone
                    self._drawn(self.text())
            elif time.monotonic() - self._began >= self._due:
                self._due += min(self._due, _SELDOM)
                say(self.text())

    def _drawn(self, text: str) -> None:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns or _COLUMNS
        text = text[: columns - 1]
        sys.stdout.write(f"{_CLEAR if len(text) < self._width else _BACK}{text}")
        sys.stdout.flush()
        self._width = len(text)


shown = Progress()


def mend() -> None:
    """Have pyinfra draw nothing of its own: its per cent are those of one batch of nodes."""
    spinner._print_spinner = lambda *arguments: None
