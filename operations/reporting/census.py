"""The ranks and the pools before and after a run, as far as dmg has told them anyway."""

from typing import Any

from ..daos.dmg import Member, Pool
from ..machinery.run import Run


def ranks(current: Run) -> list[dict[str, Any]]:
    """Each rank: its server, and its state before and after; None where that is not known."""
    before, after = _before(current), _after(current)
    known = {
        member.rank: member for member in [*(current.dmg.members.first or ()), *after.values()]
    }
    return [
        {
            "rank": rank,
            "host": known[rank].host if rank in known else None,
            "before": before.get(rank),
            "after": after[rank].state if rank in after else None,
        }
        for rank in sorted({*before, *after})
    ]


def _before(current: Run) -> dict[int, str]:
    """Where an earlier run has stopped something, it was that run that saw them."""
    start = current.start
    if start.record:
        return dict.fromkeys(start.ranks, "joined")
    return {member.rank: member.state for member in current.dmg.members.first or ()}


def _after(current: Run) -> dict[int, Member]:
    """As they were seen last, where the run got to its end; else nobody has asked since."""
    last = current.dmg.members.last if current.end else None
    return {member.rank: member for member in last or ()}


def pools(current: Run) -> list[dict[str, Any]]:
    """Each pool: its label, its size in bytes, and its targets before and after."""
    listed = current.dmg.listed
    first = {pool.uuid: pool for pool in listed.first or ()}
    last = {pool.uuid: pool for pool in (listed.last if current.end else None) or ()}
    labels = {uuid: pool.label for uuid, pool in {**first, **last}.items()}
    labels = {**current.start.pools, **labels}
    before = first if not current.start.record else {}
    return [
        {
            "uuid": uuid,
            "label": label,
            "bytes": _size(last.get(uuid) or first.get(uuid)),
            "before": _targets(before.get(uuid)),
            "after": _targets(last.get(uuid)),
            "containers": _counts(current.containers.get(uuid)),
        }
        for uuid, label in sorted(labels.items(), key=lambda item: (item[1], item[0]))
    ]


def _counts(counts: tuple[int | None, int | None] | None) -> dict[str, int | None] | None:
    return {"before": counts[0], "after": counts[1]} if counts else None


def _size(pool: Pool | None) -> int | None:
    return pool.size or None if pool else None


def _targets(pool: Pool | None) -> dict[str, int] | None:
    return {"targets": pool.targets, "disabled": pool.disabled} if pool else None
