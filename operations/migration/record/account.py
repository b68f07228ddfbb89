"""What a stage of a migration says of itself at its end: in report.json, and in a sentence."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ...machinery import commandline
from ..run import MigrationRun
from .record import STAGES


def migrated(current: MigrationRun) -> dict[str, Any]:
    """What report.json has besides, where the run is a stage of a migration."""
    if not current.stage:
        return {}
    record = current.migration
    containers = [
        {**asdict(entry), **current.differing.get(entry.uuid, {})} for entry in record.containers
    ]
    known = {"done": dict(record.done), "left_behind": record.left_behind, "containers": containers}
    return {
        "stage": current.stage,
        "configuration": current.configuration,
        "migration": known if record.recorded else None,
    }


def at_work(current: MigrationRun) -> Iterator[str]:
    """What a client goes on with after an interruption."""
    if current.job:
        yield f"still at work, and followed by the next run: {current.job}"


def summary(current: MigrationRun) -> str:
    """How a stage ended that went well, and what comes next."""
    following = current.migration.following
    then = f"; the next stage is {following}: stage={following}" if following else ""
    return f"The stage {current.stage} is complete{then}"


def go_on(current: MigrationRun) -> str:
    """The command that goes on after a stage that failed; "" for the same one again.

    A stage that found that the one before is not true any more has taken that back.
    """
    if not current.stage:
        return ""
    following = current.migration.following or current.stage
    if STAGES.index(following) >= STAGES.index(current.stage):
        return ""
    return command(following)


def command(stage: str) -> str:
    """What to type for a stage, as this run was typed."""
    before, found, rest = commandline.typed().partition("stage=")
    if not found:
        return f"pyinfra inventory deploys/migrate.py --data stage={stage}"
    return f"{before}stage={stage}{rest[len(rest.split(' ')[0]) :]}"
