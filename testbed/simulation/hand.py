"""Commands that somebody types on simulated nodes, one after the other, outside of any run.

While he waits for an answer, the time of the cluster passes.
"""

import math
from collections.abc import Callable

from . import clients, commands, formatting, look, packages  # noqa: F401 - they teach phrases
from .clock import Clock
from .node import Node
from .shell import Answer, Session, run


def typed(node: Node, line: str, patience: float = math.inf) -> Answer:
    """Run a command on a node, and wait for its end.

    + patience: seconds until it is given up
    Raises TimeoutError where it has not ended by then, or never will; and Unknown.
    """
    clock = node.cluster.clock
    end = clock.now + patience

    def wait(holds: Callable[[], bool], of: object = None, seconds: float = math.inf) -> None:
        _until(clock, holds, min(clock.now + seconds, end))
        if clock.now >= end and not holds():
            raise TimeoutError

    wait(lambda: node.answers, node)  # it may be booting
    session = Session(node, wait=wait)
    session.code = run(session, line)
    return session.answer()


def _until(clock: Clock, holds: Callable[[], bool], end: float) -> None:
    """Let time pass until something is so, or until then. Raises TimeoutError: never."""
    while not holds() and clock.next <= end and clock.next < math.inf:
        clock.step()
    if not holds():
        if end == math.inf:
            raise TimeoutError
        clock.pass_by(end - clock.now)
