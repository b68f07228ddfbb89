"""The list of finding codes in docs/findings.md, made out of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from operations.rules.codes import GROUPS, MOMENTS, Group
from operations.rules.codes.row import MIGRATION

DOCUMENT = Path(__file__).parents[1] / "docs" / "findings.md"
_BEGIN, _END = "<!-- findings: by `make docs` -->\n", "<!-- end of findings -->\n"


def text() -> str:
    """The part of the document that is made: the kinds of moments, then a table for each group."""
    moments = "\n".join(f"- *{name}*: {meaning}" for name, meaning in MOMENTS.items())
    return "\n\n".join([moments, *("\n".join(_table(group)) for group in GROUPS)])


def _table(group: Group) -> Iterator[str]:
    """A group's rows; where all are about a migration, none has to say so."""
    timed = any(row.when != MIGRATION for row in group.rows)
    yield f"## {group.title}\n"
    yield _line("code", *(["when"] if timed else []), "what it means", "what to do")
    yield _line(*["---"] * (4 if timed else 3))
    for row in group.rows:
        yield _line(f"`{row.code}`", *([row.when] if timed else []), row.means, row.do)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def document() -> str:
    """The whole document as it has to be; what stands around the list is written by hand."""
    before, begin, rest = DOCUMENT.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    assert begin and end, f"there is no {_BEGIN}... {_END}"
    return f"{before}{begin}\n{text()}\n\n{end}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(document())
