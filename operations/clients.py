"""The clients: seen to reach the system after the update."""

from __future__ import annotations

from collections.abc import Iterator

from pyinfra.api import Host

from . import cluster
from .dmg import DmgError
from .nodes import AGENT, Node
from .run import Run
from .step import Command, step, verify


def _not_seen_to_work(current: Run, name: str, node: Node) -> bool:
    if current.planning:
        return current.will_start_servers
    if not node.runs(AGENT):
        return False
    return current.acted or bool(_fails(current, current.state.inventory.get_host(name)))


@step("clients", need=_not_seen_to_work, looks=True)
def working(current: Run, here: Host) -> Iterator[Command]:
    """See that each client whose agent runs reaches a pool through it.

    Source: "check on the clients that DAOS works" (DAOS documentation, 2026). Of the commands that
    answer that, `daos container list POOL` is the one that all 2.x releases have.
    """

    def look() -> tuple[bool, str]:
        return _fails(current, here) is None, ""

    yield verify(current, lambda: None if current.wait("client", look) else _fails(current, here))


def _fails(current: Run, here: Host) -> str | None:
    try:
        pools = current.pools or {pool.uuid: pool.label for pool in current.pools_now()}
    except DmgError as problem:
        return f"it is not known which pool a client should reach: {problem}"
    if not pools:
        return None  # nothing that a client could reach
    uuid, label = next(iter(pools.items()))
    line = f"daos container list {label or uuid}"
    done, output, errors = cluster.command(current.state, here, line, timeout=30)
    # A pool that root may not read has been reached all the same.
    if done or "DER_NO_PERM" in output + errors:
        return None
    return f"`{line}` does not work there: {(errors or output).strip() or 'no answer'}"
