"""What is wrong with pools, as findings. No I/O."""

from collections.abc import Iterable

from ..daos.dmg import Pool
from .findings import Finding


def unhealthy(pools: Iterable[Pool], accepted: int = 0) -> list[Finding]:
    """One finding for each pool that lacks targets, or of which it is not known that it is well.

    It is not, where it could not be asked, is being created or destroyed, or its rebuild failed.

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
        elif pool.passing:
            message = (
                f"{pool.name} is in state {pool.state.capitalize()}: wait until `dmg pool list` "
                "has it in state Ready, or no more. Where that lasts, what began it was cut short: "
                f"destroy what there is of it, `dmg pool destroy {pool.label or pool.uuid}`"
            )
            findings.append(Finding("pool-passing", (), message))
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
