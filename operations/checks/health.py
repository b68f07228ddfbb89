"""The system: every rank Joined and every pool whole, or stopped and to be taken on from there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress

from .. import gates
from ..dmg import DmgError, Member
from ..findings import Finding, about
from ..run import Run


def findings(current: Run) -> Iterator[Finding]:
    """What is wrong with ranks and pools; remembers which there are, to see them again later."""
    if current.record:
        current.ranks, current.pools = current.record.ranks, dict(current.record.pools or {})
    if not current.start.serving:
        return  # stopped, by hand or by a run that was interrupted: nothing can be lost by going on
    members: list[Member] = []
    with suppress(DmgError):  # where the update needs an answer, `judge_start` asks again
        members, pools = current.query(), current.pools_now()
        if not current.record:
            current.ranks = tuple(member.rank for member in members if member.state == "joined")
            current.pools = {pool.uuid: pool.label for pool in pools}
    if current.outdated_nodes:
        yield from current.judge_start(current.start)
    else:
        yield from lost_ranks(members, current.settings.accepted_exclusions)


def lost_ranks(members: Collection[Member], accepted: Collection[int]) -> list[Finding]:
    """At the target a system on its way up is waited for, but no waiting brings these back.

    + accepted: ranks that may be missing
    """
    lost = [m for m in gates.expected(members, accepted) if m.state in gates.LOST]
    return about(
        "rank-lost",
        {member.host for member in lost},
        f"{'; '.join(map(str, lost))}: reintegrate it, see `dmg system query -v`",
    )
