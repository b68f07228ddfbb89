"""The pools: no connection is open when the engines stop, and all are there when they are back."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

from pyinfra.api import Host

from .daos import mount_points, window_file
from .daos.dmg import DmgError, Pool
from .daos.node import Node
from .daos.shown import in_line
from .machinery import judgements
from .machinery.run import Run
from .machinery.session import POOLS
from .machinery.shared import JUST_NOW
from .machinery.step import Command, attempt, shell, step
from .rules import gates
from .rules.findings import Finding
from .rules.pools import unhealthy
from .rules.view import ROLES, View
from .system import evict_all, servers_will_start


def _never(current: Run, name: str, node: Node) -> bool:
    """The `foreseen` of a step that only what happens meanwhile makes necessary."""
    return False


def _mounted(current: Run, name: str, node: Node) -> bool:
    return current.start.concerns(name) and bool(node.users)


def _may_disconnect(current: Run, view: View) -> list[Finding]:
    """R2: only where the site allows it, and only for an update that is still needed (R1)."""
    unused = [] if current.settings.evict else gates.unused(view, current.start.concerned)
    return judgements.needed(current, view) + unused


@attempt(*ROLES, need=_mounted, gate=_may_disconnect, opens=True)
def unmounted(current: Run, here: Host) -> str | None:
    """Unmount dfuse on a client that still has it, where the site allows to evict (R2).

    Source: "unmount every dfuse mount, then evict what is left" (DAOS documentation, 2026).
    """
    node = current.look().node(here.name)
    current.disconnects(here.name, node.users)
    for mount in node.mounts:
        # Lazily where it is in use: its connection is evicted next, and it would hang otherwise.
        line = mount_points.unmounted(mount)
        done, _, errors = current.command(here, line, current.settings.timeouts["service"])
        if not done:
            return f"{in_line(mount)} could not be unmounted: {errors.strip()}"
    return None


def _connected(current: Run, name: str, node: Node) -> bool:
    return current.start.opens_window and bool(current.asked.where(lambda node: node.users))


@attempt("admins", need=_connected, gate=_may_disconnect, once=True, opens=True)
def disconnected(current: Run, here: Host) -> str | None:
    """Evict what is still connected to a pool, where the site allows it (R2).

    Source: "dmg pool evict can be used on an admin node to disconnect any active pool connections"
    (DAOS 2.0, offline update).
    """
    for name, node in current.look().of().items():
        current.disconnects(name, node.users)
    return evict_all(current)


def _came_or_went(current: Run, name: str, node: Node) -> bool:
    """Whether there are other pools by now than the node remembers, as it was told by this update.

    As long as no engine was stopped for it, whoever destroyed a pool has meant it.
    """
    view = current.asked
    if node.record is None or not view.serving or any(record.started for record in view.records):
        return False
    now = _serving(current)
    return now is not None and now != dict(node.record.pools)


def _serving(current: Run) -> dict[str, str] | None:
    """The pools, label by UUID, while no engine is being stopped; None without an answer."""
    if judgements.is_stopping(current, current.asked):
        return None
    try:
        pools = current.dmg.shared_pools()
    except DmgError:
        return None
    return current.awaited({pool.uuid: pool.label for pool in pools})


def _may_note(current: Run, view: View) -> list[Finding]:
    return gates.held(view, current.start.concerned)


@step(*ROLES, need=_came_or_went, foreseen=_never, gate=_may_note, engines=False)
def noted(current: Run, here: Host) -> Iterator[Command]:
    """Remember the pools as they are right before the engines stop: they have to be there again.

    What was found when the run began may be hours old.
    """
    record, now = current.look().node(here.name).record, _serving(current)
    if record and now is not None:
        current.reads_pools_anew(now)
        yield shell(
            current, here, window_file.save(replace(record, pools=now)), "writing the record there"
        )


def _not_seen(current: Run, name: str, node: Node) -> bool:
    return current.acted or bool(_wrong(current))


@attempt(
    "admins",
    need=_not_seen,
    foreseen=servers_will_start,
    once=True,
    looks=True,
    asks=(POOLS,),
)
def seen(current: Run, here: Host) -> str | None:
    """See that every pool that was there before is there again, with all its targets (R7)."""

    problem: str | None = None
    fresh = JUST_NOW

    def look() -> tuple[bool, str]:
        nonlocal problem, fresh
        problem, fresh = _wrong(current, fresh), 0
        return not problem or waits_for_somebody(current), problem or ""

    current.wait("join", look)
    return problem


def waits_for_somebody(current: Run) -> bool:
    """Whether targets are disabled, which only an administrator reintegrates.

    Source: "dmg pool reintegrate" (DAOS 2.0, pool operations): there is nothing that does it.
    """
    found = unhealthy(current.dmg.listed.last or [], len(current.settings.may_be_missing))
    return any(finding.code == "pool-degraded" for finding in found)


def _wrong(current: Run, fresh: float = JUST_NOW) -> str | None:
    try:
        pools = current.dmg.shared_pools(fresh)
    except DmgError as problem:
        return str(problem)
    # A rank that is back has its targets back only once it is reintegrated.
    return lost(current.start.pools, pools, len(current.settings.may_be_missing))


def lost(before: Mapping[str, str], now: list[Pool], accepted: int = 0) -> str | None:
    """Which pools of before are missing now, and which lack targets; None if all is well.

    + before: label by UUID
    + accepted: how many ranks may be missing
    """
    there = {pool.uuid for pool in now}
    missing = [label or uuid for uuid, label in before.items() if uuid not in there]
    problems = [f"pool {name} is gone" for name in missing]
    problems += [finding.message for finding in unhealthy(now, accepted)]
    if missing:
        problems.append(
            "what its owner has destroyed is waited for no more if you say so: "
            f"--data 'given_up_pools={json.dumps(missing)}'"
        )
    return "; ".join(problems) or None
