"""Starting the machines of a lab and being interrupted in the middle of it."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, cast

import pytest

from testbed.lab.container import Machine, Node
from testbed.lab.launch import Launch, start_all
from testbed.lab.nodes import LabNode


@dataclass
class Interrupted:
    """Stands where the container engine is asked; Ctrl-C comes while the first machine starts."""

    finished: int = 0

    def repo(self) -> Machine:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        self.finished += 1
        return cast(Machine, None)

    def node(self, spec: LabNode, repo: Future[Machine]) -> tuple[Node, str]:
        repo.result()
        raise AssertionError("no node is started after Ctrl-C")


@pytest.mark.parametrize("attempt", range(20))
def test_ctrl_c_leaves_no_thread_that_starts_machines(attempt: int) -> None:
    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    launch = Interrupted()
    threads = threading.active_count()
    try:
        with pytest.raises(KeyboardInterrupt):
            start_all(cast(Launch, launch), [])
    finally:
        signal.signal(signal.SIGINT, before)
    assert (threading.active_count(), launch.finished) == (threads, 1)
