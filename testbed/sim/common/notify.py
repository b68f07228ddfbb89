"""Telling the service manager that a daemon is ready (sd_notify)."""

import os
import socket


def ready() -> None:
    """Send READY=1, where a service manager listens."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"READY=1\n", address)
