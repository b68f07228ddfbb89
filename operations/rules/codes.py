"""Every code that a finding can have, with what it means and what to do: codes.toml.

docs/findings.md lists them; `make docs` writes that list anew.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

# When something is found; the catalogue says what each is to whoever reads the code.
BEFORE, WINDOW, MIGRATION = "before", "in the window", "migration"
EITHER = f"{BEFORE}, {WINDOW}"


@dataclass(frozen=True)
class Row:
    """A finding code.

    + code: as it is printed and stands in report.json
    + means: what is wrong, in a sentence
    + do: what to do about it, in a sentence or two
    + when: the kind of moment at which it is found
    """

    code: str
    means: str
    do: str
    when: str = MIGRATION


@dataclass(frozen=True)
class Group:
    """Rows that are about the same thing, by their codes."""

    title: str
    rows: tuple[Row, ...]


_CATALOGUE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))

MOMENTS: dict[str, str] = _CATALOGUE["moments"]

GROUPS = tuple(
    Group(group["title"], tuple(Row(**row) for row in group["rows"]))
    for group in _CATALOGUE["groups"]
)

KNOWN = {row.code: row for group in GROUPS for row in group.rows}
