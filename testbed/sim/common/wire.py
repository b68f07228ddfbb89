"""JSON objects, one a line, over a stream socket: engines, agents and applications speak so.

Bytes travel as {"base64": ...}.
"""

import base64
import contextlib
import json
import socket
import threading
from typing import Any

AGENT = "/var/run/daos_agent/daos_agent.sock"  # where a node's agent listens
_BYTES = "base64"


class Closed(Exception):
    """The other side is gone."""


class Wire:
    """One connection; `send` may be called from several threads."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._lines = sock.makefile("rb")
        self._sending = threading.Lock()

    def send(self, **message: Any) -> None:
        """Raises Closed."""
        try:
            with self._sending:
                self._socket.sendall(json.dumps(message, default=_encoded).encode() + b"\n")
        except OSError as error:
            raise Closed from error

    def receive(self) -> dict[str, Any]:
        """The next message. Raises Closed."""
        try:
            line = self._lines.readline()
        except OSError as error:
            raise Closed from error
        if not line.endswith(b"\n"):
            raise Closed
        return dict(json.loads(line, object_hook=_decoded))

    def ask(self, **message: Any) -> dict[str, Any]:
        """Send, and return the next message. Raises Closed."""
        self.send(**message)
        return self.receive()

    def close(self) -> None:
        """End the connection; the other side's `receive` raises Closed."""
        with contextlib.suppress(OSError):  # it is gone already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def endpoint(fabric_uri: str) -> tuple[str, int]:
    """Where an engine listens: "ofi+sockets://10.0.0.1:31416" as ("10.0.0.1", 31416)."""
    host, _, port = fabric_uri.rpartition("//")[2].rpartition(":")
    return host, int(port)


def _encoded(value: Any) -> dict[str, str]:
    if isinstance(value, bytes):
        return {_BYTES: base64.b64encode(value).decode()}
    raise TypeError(f"{type(value).__name__} cannot be sent")


def _decoded(value: dict[str, Any]) -> Any:
    return base64.b64decode(value[_BYTES]) if value.keys() == {_BYTES} else value
