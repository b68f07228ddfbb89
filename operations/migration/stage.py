"""The stages of a migration: which there are, which was typed, and whether it may begin."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pyinfra.api import State

from .. import examine
from ..machinery.migration_settings import WORDS, MigrationSettings
from ..machinery.procedure import Procedure
from ..machinery.settings import Settings
from ..rules.findings import Finding
from . import backup, check, conversion, finish, install, reformat, restore, verification
from .copying import copiers
from .record import account
from .record.memory import recall
from .run import MigrationRun


@dataclass(frozen=True)
class Stage:
    """A stage of the migration. The one before it has to be complete.

    + does: what it does, in words
    + look: what stands in its way on the nodes as they are; whether the stage before is still true
      is part of that
    + learn: what has to be known before that can be judged
    + show: what is shown before it begins
    + tries: whether it goes on whatever stands in its way, tries more, and says it all at its end
    """

    does: str
    look: Callable[[MigrationRun], Iterable[Finding]]
    learn: Callable[[MigrationRun], object] = lambda current: None
    show: Callable[[MigrationRun], object] = lambda current: None
    tries: Callable[[MigrationRun], bool] = lambda current: False


STAGES = {
    "check": Stage(
        "look at everything that the migration needs",
        check.findings,
        check.learn,
        tries=check.is_known,
    ),
    "backup": Stage("copy every POSIX container out of DAOS", backup.findings),
    "verify": Stage(
        "read the backup back and compare it with its manifests", verification.findings
    ),
    "install": Stage(
        "stop DAOS, and install 2.x on all nodes", install.findings, install.learn, conversion.show
    ),
    "format": Stage(
        "reformat the storage: the point of no return", reformat.findings, conversion.learn
    ),
    "restore": Stage(
        "create pools and containers, and copy the backup into them",
        restore.findings,
        reformat.learn,
    ),
    "finish": Stage(
        "start the agents, and compare what was with what is", finish.findings, reformat.learn
    ),
}

PROCEDURE = Procedure(
    done="complete",
    sentence=account.summary,
    always_acts=True,
    words=WORDS,
    content=account.migrated,
    at_work=account.at_work,
    go_on=account.go_on,
)


# What 2.x needs of a unit (its user, its options, its folders) comes with the package's own.
_OWN_UNITS = (
    "units names units of the site's own, which are made for 1.x, and no package brings them to "
    "2.x: have DAOS's own units run the daemons (daos_server.service, daos_agent.service), and set "
    "units = {} in group_data/all.py for the migration"
)


def begin() -> str:
    """Look at all nodes and refuse to begin if something is in the way; returns the stage.

    Raises DeployError after all that was found has been said and written to the report.
    """
    return examine.begin(_run, _of_the_stage, _summary).stage


def _run(state: State, settings: Settings) -> MigrationRun:
    return MigrationRun(state, replace(PROCEDURE, target=settings.target), settings)


def _of_the_stage(current: MigrationRun) -> list[Finding]:
    data: dict[str, Any] = next((host.data.dict() for host in current.state.inventory), {})
    name = str(data.get("stage") or "")
    if name not in STAGES:
        return [_no_stage(name)]
    current.site, wrong = MigrationSettings.read(data)
    if wrong:
        return [
            Finding("bad-setting", (), f"{it}: correct it in group_data/all.py") for it in wrong
        ]
    current.stage = name
    if current.units.given:
        return [Finding("bad-setting", (), _OWN_UNITS)]
    return (
        examine.find_nodes(current)
        or list(_copiers(current))
        or recall(current)
        or list(_order(current))
        or _in_the_way(current)
    )


def _in_the_way(current: MigrationRun) -> list[Finding]:
    stage = STAGES[current.stage]
    stage.learn(current)
    found = list(stage.look(current))
    if not stage.tries(current):
        return found
    current.noticed = found
    return []


def _copiers(current: MigrationRun) -> Iterator[Finding]:
    """The clients that copy are there."""
    unknown = ", ".join(copiers.unknown(current))
    if unknown or not copiers.names(current):
        message = (
            f"copy_clients: {unknown or 'nobody'}: no clients of the inventory, or not reached; "
            "correct it in group_data/all.py"
        )
        yield Finding("bad-setting", (), message)


def _no_stage(name: str) -> Finding:
    listed = "\n".join(f"    --data stage={key:8} {stage.does}" for key, stage in STAGES.items())
    wrong = f"{name!r} is no stage" if name else "no stage is named"
    return Finding("no-stage", (), f"{wrong}. The stages, in their order:\n{listed}")


def _order(current: MigrationRun) -> Iterator[Finding]:
    """The stage before this one is recorded as complete."""
    names = list(STAGES)
    place = names.index(current.stage)
    before = names[place - 1]
    if place and before not in current.migration.done:
        message = (
            f"{current.stage} comes after {before}, which is not recorded as complete on "
            f"{current.dmg.admin.name}: go on with `{account.command(current.migration.following)}`"
        )
        yield Finding("stage-order", (), message)
        if current.stage == "format":
            yield from reformat.would_be_lost(current)


def _summary(current: MigrationRun) -> str:
    """What the stage will do, in one line."""
    record, stage = current.migration, STAGES[current.stage]
    stage.show(current)
    known = ""
    if record.recorded:
        known = f"; {len(record.pools)} pools, {len(record.to_carry)} containers to carry over"
    return f"{current.stage}: {stage.does}{known}"
