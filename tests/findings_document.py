"""The list of finding codes in docs/findings.md, made out of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator

from operations.rules.codes import GROUPS, MIGRATION, MOMENTS, Group


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
