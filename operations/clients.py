"""The clients: seen to reach the system after the update."""

import re

from pyinfra.api import Host

from .daos.dmg import DmgError, Pool
from .daos.node import AGENT, Node
from .daos.releases import Version
from .machinery.run import Run
from .machinery.step import attempt
from .system import servers_will_start

_NO_PERMISSION = re.compile(r"DER_NO_PERM|(?<!\d)-1001\b")  # as 2.x says it, and 1.x


def _not_seen_to_work(current: Run, name: str, node: Node) -> bool:
    if not node.runs(AGENT):
        return False
    return current.acted or bool(_fails(current, current.host(name)))


@attempt("clients", need=_not_seen_to_work, foreseen=servers_will_start, looks=True)
def working(current: Run, here: Host) -> str | None:
    """See that each client whose agent runs reaches a pool through it.

    Source: "check on the clients that DAOS works" (DAOS documentation, 2026). Of the commands that
    answer that, `daos container list POOL` is the one that all 2.x releases have.
    """
    works = current.wait("client", lambda: (_fails(current, here) is None, ""))
    return None if works else _fails(current, here)


def _fails(current: Run, here: Host) -> str | None:
    try:
        line = _asking(current)
    except DmgError as problem:
        return f"it is not known which pool a client should reach: {problem}"
    if not line:
        return None  # nothing that a client could reach
    done, output, errors = current.ask(here, line, timeout=30)
    # A pool that root may not read has been reached all the same.
    if done or no_permission(output + errors):
        return None
    return f"`{line}` does not work there: {(errors or output).strip() or 'no answer'}"


def no_permission(said: str) -> bool:
    """Whether `daos` of any release says that whoever runs it may not read the pool."""
    return bool(_NO_PERMISSION.search(said))


def _asking(current: Run) -> str:
    """The command that lists the containers of a pool; "" where there is no pool."""
    release = current.target
    if release.major < 2:  # on the way back from a migration
        return next((_asking_1_x(pool, release) for pool in current.dmg.shared_pools()), "")
    pools = current.start.pools or {pool.uuid: pool.label for pool in current.dmg.shared_pools()}
    # A label may begin like an option.
    named = (uuid if label[:1] in ("", "-") else label for uuid, label in pools.items())
    return next((f"daos container list {name}" for name in named), "")


def _asking_1_x(pool: Pool, release: Version) -> str:
    """Source: src/utils/daos.c of v1.0.1 and v1.2.0."""
    service = f" --svc={','.join(map(str, pool.service))}" if release.series == "1.0" else ""
    return f"daos pool list-containers --pool={pool.uuid}{service}"
