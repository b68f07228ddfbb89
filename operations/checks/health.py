"""The system: every rank Joined and every pool whole, or stopped and to be taken on from there."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace

from ..daos.dmg import DmgError, Member
from ..daos.node import SERVER
from ..machinery import judgements
from ..machinery.run import Run
from ..rules import gates
from ..rules import members as ranks
from ..rules.findings import Finding, about
from ..rules.start import Start
from ..rules.view import View


def learnt(current: Run) -> Start:
    """The start with the ranks and pools that there are, so that they can be seen again later.

    Where an earlier run of this update has stopped something, they are what it has remembered.
    """
    start = current.start
    if start.record and (start.opened_before or _is_down(current)):
        return replace(start, ranks=start.record.ranks, pools=dict(start.record.pools))
    if not start.serving:
        return start
    with suppress(DmgError):  # where the update needs an answer, `judgements.healthy` asks again
        members, pools = current.dmg.query(), current.dmg.shared_pools()
        ranks = tuple(member.rank for member in members if member.state == "joined")
        return replace(start, ranks=ranks, pools={pool.uuid: pool.label for pool in pools})
    return start


def _is_down(current: Run) -> bool:
    """Whether engines were stopped while daos_server runs on, where no agent ran before."""
    return not current.start.serving or judgements.is_stopping(current, current.start)


def findings(current: Run) -> list[Finding]:
    """What is wrong with ranks and pools."""
    if not current.start.serving:
        return list(_stopped(current))
    if current.start.outdated:
        return judgements.healthy(current, current.start)
    return lost_ranks(current.start, current.dmg.query_or_none() or [], current.accepted)


def _stopped(current: Run) -> Iterator[Finding]:
    """Stopped by hand or by a run that was interrupted: all of its servers have to be known."""
    members = current.dmg.query_or_none()
    if members:
        yield from gates.known_servers(current.start, members, current.accepted)
    elif current.start.record:
        servers = current.start.record.servers
        yield from gates.remembered_servers(
            current.start, servers, current.settings.given_up_servers
        )


def lost_ranks(view: View, members: Collection[Member], accepted: Collection[int]) -> list[Finding]:
    """At the target a system on its way up is waited for, but no waiting brings these back.

    A rank may be excluded for no other reason than that its daos_server does not run, which this
    run is about to start.

    + accepted: ranks that may be missing
    """
    down = [node for node in view.of("servers").values() if not node.runs(SERVER)]
    lost = [
        member
        for member in ranks.lost(ranks.expected(members, accepted))
        if member.state != "excluded" or not any(ranks.on(node, member) for node in down)
    ]
    return about(
        "rank-lost",
        {member.host for member in lost},
        f"{'; '.join(map(str, lost))}: {ranks.what_to_do(lost, view.units)}; or say in "
        "group_data/all.py that it may be missing: accepted_exclusions",
    )
