"""The stages of a migration: which there are, which was typed, and whether it may begin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pyinfra.api import State
from pyinfra.context import ctx_state

from .. import examine
from ..machinery import run
from ..machinery.migration_settings import MigrationSettings
from ..machinery.run import Run
from ..rules.findings import Finding
from . import backup, check, finish, install, reformat, restore, verification
from .copying import copiers
from .record import account
from .record.memory import recall, remember

__all__ = ["begin", "remember"]


def _nothing(current: Run) -> Iterable[Finding]:
    return ()


@dataclass(frozen=True)
class Stage:
    """A stage of the migration.

    + does: what it does, in words
    + after: the stage that has to be complete before it, "" for none
    + look: what stands in its way on the nodes as they are; whether the stage before is still true
      is part of that
    """

    does: str
    after: str = ""
    look: Callable[[Run], Iterable[Finding]] = _nothing


STAGES = {
    "check": Stage("look at everything that the migration needs", look=check.findings),
    "backup": Stage("copy every POSIX container out of DAOS", "check", backup.findings),
    "verify": Stage(
        "read the backup back and compare it with its manifests", "backup", verification.findings
    ),
    "install": Stage("stop DAOS, and install 2.x on all nodes", "verify", install.findings),
    "format": Stage("reformat the storage: the point of no return", "install", reformat.findings),
    "restore": Stage(
        "create pools and containers, and copy the backup into them", "format", restore.findings
    ),
    "finish": Stage(
        "start the agents, and compare what was with what is", "restore", finish.findings
    ),
}


def begin() -> str:
    """Look at all nodes and refuse to begin if something is in the way; returns the stage.

    Raises DeployError after all that was found has been said and written to the report.
    """
    examine.begin(_of_the_stage, _summary)
    return run.of(ctx_state.get()).stage


def _of_the_stage(current: Run, state: State) -> list[Finding]:
    data: dict[str, Any] = next((host.data.dict() for host in state.inventory), {})
    name = str(data.get("stage") or "")
    if name not in STAGES:
        return [_no_stage(name)]
    current.site, wrong = MigrationSettings.read(data)
    if wrong:
        return [
            Finding("bad-setting", (), f"{it}: correct it in group_data/all.py") for it in wrong
        ]
    current.stage = name
    return (
        list(examine.reached(current, state))
        or list(_copiers(current))
        or recall(current)
        or list(_order(current))
        or list(STAGES[name].look(current))
    )


def _copiers(current: Run) -> Iterator[Finding]:
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


def _order(current: Run) -> Iterator[Finding]:
    """The stage before this one is recorded as complete."""
    needed = STAGES[current.stage].after
    done = current.migration.done if current.migration else {}
    if needed and needed not in done:
        first = next(name for name in STAGES if name not in done)
        yield Finding(
            "stage-order",
            (),
            f"{current.stage} comes after {needed}, which is not recorded as complete on "
            f"{current.admin.name}: go on with `{account.command(first)}`",
        )
        if current.stage == "format":
            yield from reformat.would_be_lost(current)


def _summary(current: Run) -> str:
    """What the stage will do, in one line."""
    record = current.migration
    known = ""
    if record:
        known = f"; {len(record.pools)} pools, {len(record.to_carry)} containers to carry over"
    return f"{current.stage}: {STAGES[current.stage].does}{known}"
