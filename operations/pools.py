"""The pools: no connection is open when the engines stop, and all are there when they are back."""

import shlex
from collections.abc import Mapping

from pyinfra.api import Host

from .daos.dmg import DmgError, Pool
from .daos.node import Node
from .machinery import judgements
from .machinery.run import Run
from .machinery.step import attempt
from .rules import gates
from .rules.findings import Finding
from .rules.pools import unhealthy
from .rules.view import ROLES, View
from .system import evict_all, servers_will_start


def _mounted(current: Run, name: str, node: Node) -> bool:
    return current.start.concerns(name) and bool(node.users)


def _may_disconnect(current: Run, view: View) -> list[Finding]:
    """R2: only where the site allows it, and only for an update that is still needed (R1)."""
    unused = [] if current.settings.evict else gates.unused(view, current.start.concerned)
    return judgements.needed(current, view) + unused


@attempt(*ROLES, need=_mounted, gate=_may_disconnect)
def unmounted(current: Run, here: Host) -> str | None:
    """Unmount dfuse on a client that still has it, where the site allows to evict (R2).

    Source: "unmount every dfuse mount, then evict what is left" (DAOS documentation, 2026).
    """
    for mount in current.look().node(here.name).mounts:
        path = shlex.quote(mount)
        # Lazily where it is in use: its connection is evicted next, and it would hang otherwise.
        line = f"fusermount3 -u {path} || fusermount3 -uz {path}"
        done, _, errors = current.command(here, line, current.settings.timeouts["service"])
        if not done:
            return f"{mount} could not be unmounted: {errors.strip()}"
    return None


def _connected(current: Run, name: str, node: Node) -> bool:
    return current.start.opens_window and bool(current.asked.where(lambda node: node.users))


@attempt("admins", need=_connected, gate=_may_disconnect, once=True)
def disconnected(current: Run, here: Host) -> str | None:
    """Evict what is still connected to a pool, where the site allows it (R2).

    Source: "dmg pool evict can be used on an admin node to disconnect any active pool connections"
    (DAOS 2.0, offline update).
    """
    return evict_all(current)


def _not_seen(current: Run, name: str, node: Node) -> bool:
    return current.acted or bool(_wrong(current))


@attempt("admins", need=_not_seen, foreseen=servers_will_start, once=True, looks=True)
def seen(current: Run, here: Host) -> str | None:
    """See that every pool that was there before is there again, with all its targets (R7)."""

    def look() -> tuple[bool, str]:
        problem = _wrong(current)
        return not problem, problem or ""

    return None if current.wait("join", look) else _wrong(current)


def _wrong(current: Run) -> str | None:
    try:
        pools = current.dmg.pools()
    except DmgError as problem:
        return str(problem)
    # A rank that is back has its targets back only once it is reintegrated.
    return lost(current.start.pools, pools, len(current.settings.accepted_exclusions))


def lost(before: Mapping[str, str], now: list[Pool], accepted: int = 0) -> str | None:
    """Which pools of before are missing now, and which lack targets; None if all is well.

    + before: label by UUID
    + accepted: how many ranks may be missing
    """
    there = {pool.uuid for pool in now}
    missing = [label or uuid for uuid, label in before.items() if uuid not in there]
    problems = [f"pool {name} is gone" for name in missing]
    problems += [finding.message for finding in unhealthy(now, accepted)]
    return "; ".join(problems) or None
