"""pyinfra as the tests type it: imported once, in a process that forks for each command.

To import it and operations/ takes 1 s of processor time, more than all the rest of many a run. So
whoever edits the procedure for a test edits what is read anew: deploy.py, deploys/ and config.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path

PYINFRA = Path(sys.executable).with_name("pyinfra")
_WORDS = 1 << 20  # bytes that a command and its environment may have


class Typed:
    """A command `pyinfra ...` that runs or has run: what tests need of subprocess.Popen.

    + arguments: those of pyinfra
    + cwd: the folder that it is typed in
    + environment: the whole of it
    + typed: what is typed while it runs, at its beginning, and nothing more; None: nothing, and it
      may wait for more
    """

    def __init__(
        self,
        arguments: Sequence[str],
        cwd: Path,
        environment: dict[str, str],
        typed: str | None = "",
    ) -> None:
        self.args = [str(PYINFRA), *arguments]
        answers, keyboard = os.pipe()
        screen, shown = os.pipe()
        self._line, theirs = socket.socketpair()
        request = {"argv": self.args, "cwd": str(cwd), "environment": environment}
        try:
            os.write(keyboard, (typed or "").encode())
            files = [theirs.fileno(), answers, shown]
            socket.send_fds(_warm(), [json.dumps(request).encode()], files)
        finally:
            theirs.close()
            for end in (answers, shown):
                os.close(end)
        self._keyboard = os.fdopen(keyboard, "wb")
        if typed is not None:
            self._keyboard.close()
        self.stdout = os.fdopen(screen, encoding="utf-8", errors="replace")
        self._said = self._line.makefile()
        self.pid = int(self._said.readline())
        self.returncode: int | None = None

    def read(self, timeout: float) -> str:
        """All that it prints to its end; after `timeout` seconds it is killed."""
        timer = threading.Timer(timeout, self.kill)
        timer.start()
        try:
            return self.stdout.read()
        finally:
            timer.cancel()

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, that of Popen; raises TimeoutError where it does not end in time."""
        if self.returncode is None:
            self._line.settimeout(timeout)
            self.returncode = int(self._said.readline())
            self.stdout.close()
            self._keyboard.close()
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, where it still runs."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self.send_signal(signal.SIGKILL)


@cache
def _warm() -> socket.socket:
    """Start the process that forks; it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _WORDS)
    with theirs:
        subprocess.Popen(
            [sys.executable, Path(__file__).with_name("warm.py"), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
    return ours
