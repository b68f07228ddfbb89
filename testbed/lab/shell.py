"""A shell on a machine that stays open.

To have the engine start a process takes it longer than all that most commands do.
"""

import struct
from pathlib import Path
from typing import Any, cast

from docker.api import APIClient
from docker.utils.socket import frames_iter

_SERVED = Path(__file__).with_name("served.py").read_text("utf-8")
_ENDS = struct.Struct(">3I")


class Gone(Exception):
    """The shell has ended, since its machine was off for a time, say; the command never began."""


class Shell:
    """A shell on a machine.

    + container: the machine for the engine; raises APIError where that is off
    + user: whose shell it is
    """

    def __init__(self, engine: APIClient, container: str, user: str) -> None:
        argv = ["python3", "-ISc", _SERVED]
        made = engine.exec_create(container, argv, user=user, stdin=True)
        self._stream = cast(Any, engine.exec_start(made["Id"], socket=True))
        self._stream._sock.settimeout(None)
        self._frames = frames_iter(self._stream, tty=False)
        self._heard = b""

    def run(self, command: str) -> tuple[int, str, str]:
        """Do a command: its exit code, and what it printed as output and as errors. Raises Gone."""
        words = command.encode()
        try:
            self._stream._sock.sendall(len(words).to_bytes(4, "big") + words)
            self._hear(1)
        except (OSError, EOFError):
            raise Gone from None
        try:
            code, *sizes = _ENDS.unpack(self._hear(_ENDS.size))
            out, errors = (self._hear(size).decode() for size in sizes)
        except (OSError, EOFError):
            return 137, "", ""  # as the engine says of a process that SIGKILL has ended
        return code, out, errors

    def _hear(self, size: int) -> bytes:
        """The next bytes that it says. Raises OSError, and EOFError where it has ended."""
        while len(self._heard) < size:
            _, said = next(self._frames, (0, b""))
            if not said:
                raise EOFError
            self._heard += said
        said, self._heard = self._heard[:size], self._heard[size:]
        return said

    def close(self) -> None:
        """End it."""
        self._stream.close()
