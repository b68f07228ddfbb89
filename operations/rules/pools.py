"""What is wrong with pools, as findings. No I/O."""

from collections.abc import Iterable

from ..daos.dmg import Pool
from .findings import Finding

_UNDER_WAY = ("creating", "destroying")


def unhealthy(pools: Iterable[Pool], accepted: int = 0) -> list[Finding]:
    """One finding for each pool that lacks targets, could not be asked, or whose rebuild failed.

    One that is not made yet, or is being destroyed, has none that dmg could ask.

    + accepted: how many ranks may be missing; a pool may lack as many targets as they have
    """
    findings = []
    for pool in pools:
        per_engine = pool.targets // pool.engines if pool.engines else 0
        if pool.disabled > accepted * per_engine:
            message = f"{pool.name} has {pool.disabled} of {pool.targets} targets disabled"
            message += f", and {accepted * per_engine} are accepted" if accepted else ""
            message += ": reintegrate them, see `dmg pool query`"
            findings.append(Finding("pool-degraded", (), message))
        elif pool.state in _UNDER_WAY:
            message = (
                f"{pool.name} is {pool.state}: wait until `dmg pool list` says that it is ready or "
                "names it no more, or end that yourself by `dmg pool destroy --force`"
            )
            findings.append(Finding("pool-unknown", (), message))
        elif pool.rebuild_status:
            message = (
                f"{pool.name}: {pool.error}, so data may lack copies; {pool.disabled} of "
                f"{pool.targets} targets are disabled. See the logs of the engines for why, and "
                "`dmg pool query` for a later rebuild, after which this is over"
            )
            findings.append(Finding("pool-unknown", (), message))
        elif pool.error:
            message = f"{pool.name} could not be asked: {pool.error}; see `dmg pool query`"
            findings.append(Finding("pool-unknown", (), message))
    return findings


def rebuilding(pools: Iterable[Pool]) -> list[Finding]:
    """One finding for each pool whose data is being moved."""
    return [
        Finding(
            "rebuild-running",
            (),
            f"{pool.name} is being rebuilt: wait until `dmg pool query {pool.label or pool.uuid}` "
            "says that it is done",
        )
        for pool in pools
        if pool.rebuilding
    ]
