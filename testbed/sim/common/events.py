"""The event log of a node: one JSON object a line, for the referee."""

import json
import os
import socket
import time
from collections.abc import Callable
from typing import Any

LOG = "/var/log/daos-lab/events.jsonl"


def utc_now() -> str:
    """The time as in RFC 3339, in UTC, to the microsecond."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{stamp}.{nanoseconds // 1000:06d}Z"


def record(program: str, event: str, pid: int = 0, /, **details: Any) -> None:
    """Append one event. A node that keeps no event log loses it: the programs must still work.

    + pid: of the process that it is about, where that is not the one that tells it
    """
    line = json.dumps(
        {
            "time": utc_now(),
            "host": socket.gethostname(),
            "program": program,
            "pid": pid or os.getpid(),
            "event": event,
            "details": details,
        }
    )
    try:
        descriptor = _open_log()
    except OSError:
        return
    try:
        os.write(descriptor, line.encode() + b"\n")  # one write: lines of programs never mix
    finally:
        os.close(descriptor)


def recorded(program: str, run: Callable[[list[str]], int], argv: list[str]) -> int:
    """Run a command; record it with its exit code, which is 1 where it crashed."""
    code = 1
    try:
        code = run(argv)
    finally:
        record(program, "command", argv=argv, exit=code)
    return code


def _open_log() -> int:
    flags = os.O_WRONLY | os.O_APPEND
    try:
        return os.open(LOG, flags)
    except FileNotFoundError:
        descriptor = os.open(LOG, flags | os.O_CREAT, 0o666)
        os.fchmod(descriptor, 0o666)  # every user's programs write here, whatever the umask
        return descriptor
