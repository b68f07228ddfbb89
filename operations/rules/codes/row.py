"""A row of the catalogue: what a finding code means, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

# When something is found.
BEFORE = "before"
WINDOW = "in the window"
EITHER = f"{BEFORE}, {WINDOW}"
MIGRATION = "migration"

# Each kind of moment, and what it is to whoever reads the code.
MOMENTS = {
    BEFORE: "The examination finds it, or a step that leaves alone what serves. This run has "
    "stopped nothing, and ends as *refused*.",
    WINDOW: "A step finds it, right before it acts or right after, and no later step acts. A run "
    "that has stopped something ends as *failed*, and says how the system is left, and what to "
    "type.",
    MIGRATION: "Only a stage of `deploys/migrate.py` finds it.",
}


@dataclass(frozen=True)
class Row:
    """A finding code.

    + code: as it is printed and stands in report.json
    + when: the kind of moment at which it is found
    + means: what is wrong, in a sentence
    + do: what to do about it, in a sentence or two
    """

    code: str
    when: str
    means: str
    do: str


@dataclass(frozen=True)
class Group:
    """Rows that are about the same thing, by their codes."""

    title: str
    rows: tuple[Row, ...]
