"""Waiting in tests: until something is so, at most for a while, and never for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from testbed.lab.container import Node

T = TypeVar("T")
_PAUSE = 0.1  # seconds between two looks


def eventually(check: Callable[[], T], seconds: float = 30) -> T:
    """What `check` gives as soon as that is true (not empty, not 0); fails if it is not in time."""
    deadline = time.monotonic() + seconds
    while True:
        asked = time.monotonic()
        found = check()
        if found:
            return found
        now = time.monotonic()
        assert now < deadline, f"not so within {seconds:.0f} s; found {found!r}"
        time.sleep(max(_PAUSE, now - asked))  # most of the time is for what is waited for


def waits(pid: int) -> bool:
    """Whether a process waits for something, as for keys, and does not compute."""
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "R"


def within_transaction(node: Node) -> None:
    """Wait until the node's package transaction is half done: its base package is new and old."""
    eventually(lambda: len(node.run("rpm -q daos", check=False).stdout.split()) > 1)
