"""The system: every rank Joined and every pool whole, or stopped and to be taken on from there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress

from ..daos.dmg import DmgError, Member
from ..machinery.run import Run
from ..rules import gates
from ..rules.findings import Finding, about


def findings(current: Run) -> Iterator[Finding]:
    """What is wrong with ranks and pools; remembers which there are, to see them again later."""
    if current.record and current.first_stop:
        current.ranks, current.pools = current.record.ranks, dict(current.record.pools or {})
    if not current.start.serving:
        yield from _stopped(current)
        return
    members: list[Member] = []
    with suppress(DmgError):  # where the update needs an answer, `judge_start` asks again
        members, pools = current.query(), current.pools_now()
        if not (current.record and current.first_stop):
            current.ranks = tuple(member.rank for member in members if member.state == "joined")
            current.pools = {pool.uuid: pool.label for pool in pools}
    if current.outdated_nodes:
        yield from current.judge_start(current.start)
    else:
        yield from lost_ranks(members, current.accepted)


def _stopped(current: Run) -> Iterator[Finding]:
    """Stopped by hand or by a run that was interrupted: all of its servers have to be known."""
    members = current.query_or_none()
    if members:
        yield from gates.known_servers(current.start, members, current.accepted)
    elif current.record:
        missing = set(current.record.servers) - set(current.start.groups["servers"])
        yield from about(
            "not-in-inventory",
            missing,
            "a server of this system when its update began: add it to the servers in `inventory`",
        )


def lost_ranks(members: Collection[Member], accepted: Collection[int]) -> list[Finding]:
    """At the target a system on its way up is waited for, but no waiting brings these back.

    + accepted: ranks that may be missing
    """
    lost = [m for m in gates.expected(members, accepted) if m.state in gates.LOST]
    return about(
        "rank-lost",
        {member.host for member in lost},
        f"{'; '.join(map(str, lost))}: reintegrate it, see `dmg system query -v`; or say in "
        "group_data/all.py that it may be missing: accepted_exclusions",
    )
