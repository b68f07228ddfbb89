"""An sshd with host keys of one's choice, which lets root in and forwards to anywhere."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import paramiko
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED

Listen = Callable[..., int]


@contextmanager
def listening() -> Iterator[Listen]:
    """What starts one that shows these keys, and gives its port on loopback."""
    sockets: list[socket.socket] = []

    def start(*keys: paramiko.PKey) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        sockets.append(listener)
        threading.Thread(target=_serve, args=(listener, list(keys)), daemon=True).start()
        return int(listener.getsockname()[1])

    try:
        yield start
    finally:
        for it in sockets:
            it.close()


class _Guard(paramiko.ServerInterface):
    """Lets nobody in but root, and forwards to anywhere: a jump host."""

    def __init__(self) -> None:
        self.target: tuple[str, int] | None = None

    def check_auth_none(self, username: str) -> int:
        return AUTH_SUCCESSFUL if username == "root" else AUTH_FAILED

    check_auth_password = lambda self, username, password: self.check_auth_none(username)  # noqa: E731

    def check_channel_direct_tcpip_request(self, chanid: int, origin: Any, to: Any) -> int:
        self.target = to
        return OPEN_SUCCEEDED


def _serve(listener: socket.socket, keys: list[paramiko.PKey]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        transport = paramiko.Transport(connection)
        for key in keys:
            transport.add_server_key(key)
        guard = _Guard()
        try:
            transport.start_server(server=guard)
        except (paramiko.SSHException, EOFError):
            continue
        threading.Thread(target=_forward, args=(transport, guard), daemon=True).start()


def _forward(transport: paramiko.Transport, guard: _Guard) -> None:
    channel = transport.accept(10)
    if channel is None or guard.target is None:
        return
    onward = socket.create_connection(guard.target)

    def pump(read: Callable[[int], bytes], write: Callable[[bytes], object]) -> None:
        while data := read(4096):
            write(data)

    threading.Thread(target=pump, args=(channel.recv, onward.sendall), daemon=True).start()
    pump(onward.recv, channel.sendall)
