"""The event log of a node: what the service manager did, one JSON object a line."""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

LOG = Path("/var/log/daos-lab/events.jsonl")


def prepare() -> None:
    """Make the log, writable by the programs of every user."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    LOG.parent.chmod(0o1777)
    LOG.touch()
    LOG.chmod(0o666)


def record(event: str, **details: str) -> None:
    """Append an event of the service manager, by a single write so that lines never mix."""
    entry = {
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "host": socket.gethostname(),
        "program": "systemd",
        "pid": os.getpid(),
        "event": event,
        "details": details,
    }
    descriptor = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(descriptor, json.dumps(entry).encode() + b"\n")
    finally:
        os.close(descriptor)
