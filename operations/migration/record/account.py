"""What a stage of a migration says of itself at its end: in report.json, and in a sentence."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ...machinery import commandline
from ...machinery.run import Run
from .record import STAGES


def migrated(current: Run) -> dict[str, Any]:
    """What report.json has besides, where the run is a stage of a migration."""
    if not current.stage:
        return {}
    record = current.migration
    return {
        "stage": current.stage,
        "configuration": current.configuration,
        "migration": record
        and {
            "done": dict(record.done),
            "left_behind": record.left_behind,
            "containers": [
                {**asdict(entry), **current.differing.get(entry.uuid, {})}
                for entry in record.containers
            ],
        },
    }


def summary(current: Run) -> str:
    """How a stage ended that went well, and what comes next."""
    done = current.migration.done if current.migration else {}
    following = next((name for name in STAGES if name not in done), "")
    then = f"; the next stage is {following}: stage={following}" if following else ""
    return f"The stage {current.stage} is complete{then}"


def go_on(current: Run) -> str:
    """The command that goes on after a stage that failed; "" for the same one again.

    A stage that found that the one before is not true any more has taken that back.
    """
    record = current.migration
    if record is None or not current.stage:
        return ""
    following = next((name for name in STAGES if name not in record.done), current.stage)
    if STAGES.index(following) >= STAGES.index(current.stage):
        return ""
    return command(following)


def command(stage: str) -> str:
    """What to type for a stage, as this run was typed."""
    before, found, rest = commandline.typed().partition("stage=")
    if not found:
        return f"pyinfra inventory deploys/migrate.py --data stage={stage}"
    return f"{before}stage={stage}{rest[len(rest.split(' ')[0]) :]}"
