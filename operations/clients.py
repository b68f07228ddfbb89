"""The clients: seen to reach the system after the update."""

from __future__ import annotations

from collections.abc import Iterator

from pyinfra.api import Host

from . import cluster
from .nodes import AGENT, Node
from .run import Run
from .step import Command, step, verify


def _was_stopped(current: Run, name: str, node: Node) -> bool:
    if current.planning:
        return current.will_start_servers
    return current.last_start is not None and node.runs(AGENT)


@step("clients", need=_was_stopped)
def working(current: Run, here: Host) -> Iterator[Command]:
    """See that each client whose agent runs reaches the system and sees its pools.

    Source: "check on the clients that DAOS works" (DAOS documentation, 2026).
    """
    for check in ("daos system query", "daos pool list"):
        yield verify(current, lambda check=check: _fails(current, here, check))  # type: ignore[misc]


def _fails(current: Run, here: Host, check: str) -> str | None:
    answer = ""

    def look() -> tuple[bool, str]:
        nonlocal answer
        done, output, errors = cluster.command(current.state, here, check, timeout=30)
        answer = (errors or output).strip()
        return done, ""

    if current.wait("client", look):
        return None
    return f"`{check}` does not work there: {answer or 'no answer'}"
