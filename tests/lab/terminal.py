"""A command at a terminal of its own, where keys mean what they mean to an administrator."""

from __future__ import annotations

import os
import select
import subprocess
import time
from typing import Any

from .site import Outcome, Site
from .waiting import eventually, waits

CTRL_C = "\x03"
CTRL_D = "\x04"
ENTER = "\r"
QUESTION = "Type yes to go on"
_TURN = 0.2  # seconds between two looks whether the command still runs


class Terminal:
    """`pyinfra inventory ARGUMENTS`, typed at a terminal whose only foreground job it is.

    Ctrl-C reaches all of its processes, and nothing else, as it does from a keyboard.

    + data: settings to override, as `--data KEY=VALUE`
    """

    def __init__(self, site: Site, *arguments: str, **data: Any) -> None:
        self._site = site
        self._command = site.command(arguments, data)
        self._shown = ""
        self._looked = 0  # characters of it that `wait_for` has passed
        self._keyboard, screen = os.openpty()
        try:
            self._child = subprocess.Popen(
                ["setsid", "--ctty", *self._command],
                cwd=site.folder,
                env={**os.environ, "TERM": "xterm"},
                stdin=screen,
                stdout=screen,
                stderr=screen,
            )
        finally:
            os.close(screen)
        site.typed = True
        site.lab.note("command", argv=self._command[1:])

    def wait_for(self, words: str, seconds: float = 120) -> None:
        """Wait until these words are shown, after those that were waited for last."""
        deadline = time.monotonic() + seconds
        while words not in self._shown[self._looked :]:
            assert self._read(), f"it ended without {words!r}:\n{self._shown}"
            assert time.monotonic() < deadline, f"no {words!r} in time:\n{self._shown}"
        self._looked = self._shown.index(words, self._looked) + len(words)

    def press(self, keys: str) -> None:
        """Press keys, one after the other, once the command waits for something.

        Python hears Ctrl-C between its prompt and its reading only when something is typed then.
        """
        eventually(lambda: waits(self._child.pid))
        os.write(self._keyboard, keys.encode())

    def end(self, seconds: float = 300) -> Outcome:
        """Wait for the end of the command; lines of the output end as in a file."""
        deadline = time.monotonic() + seconds
        try:
            while self._read():
                assert time.monotonic() < deadline, f"it did not end in time:\n{self._shown}"
        finally:
            self._child.kill()
            code = self._child.wait()
            os.close(self._keyboard)
            self._site.lab.note("command-ended", argv=self._command[1:], exit=code)
        print(self._shown)
        return Outcome(code, self._shown.replace("\r\n", "\n"))

    def _read(self) -> bool:
        """Take in what is shown next, for a moment at most; False once nothing more can come."""
        if not select.select([self._keyboard], [], [], _TURN)[0]:
            return self._child.poll() is None
        try:
            content = os.read(self._keyboard, 65536)
        except OSError:  # EIO: nobody has the screen open any more
            self._child.wait(timeout=30)
            return False
        self._shown += content.decode(errors="replace")
        return bool(content)
