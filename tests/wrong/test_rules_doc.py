"""docs/rules.md and the wrong procedures that are tested say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.site import ROOT
from tests.wrong.mutated import Edit, write
from tests.wrong.mutations import ADMIN_LEFT, GATED, REFEREED, RULES, Rule, Wrong

EVERY = [*RULES, *GATED, ADMIN_LEFT, *REFEREED]


def _rows(heading: str) -> list[str]:
    """The rows of the table under a heading of docs/rules.md."""
    text = (ROOT / "docs" / "rules.md").read_text()
    part = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [line for line in part.splitlines() if line.startswith("|")][2:]


def _names(rules: frozenset[str]) -> str:
    return ", ".join(sorted(rules, key=lambda rule: int(rule[1:])))


def rule_row(rule: Rule) -> str:
    test = f"`[{rule.rule}-{rule.wrong.name}]`"
    broken = _names(rule.wrong.breaks)
    return f"| {rule.rule} | `{rule.gate}` | {rule.looks_at} | {test} | {broken} |"


def wrong_row(wrong: Wrong) -> str:
    gates = " or ".join(f"`{gate}`" for gate in (wrong.gate, wrong.otherwise) if gate)
    by = f"gate: {gates}" if gates else f"referee: {_names(wrong.breaks)}"
    return f"| {wrong.words} | {by} |"


def test_the_table_of_the_rules() -> None:
    assert _rows("Rule by rule") == [rule_row(rule) for rule in RULES]


def test_the_table_of_the_wrong_procedures() -> None:
    wrong = [rule.wrong for rule in RULES] + [*GATED, ADMIN_LEFT, *REFEREED]
    assert _rows("Wrong procedures") == [wrong_row(one) for one in wrong]


def test_every_rule_has_a_gate() -> None:
    assert {rule.rule for rule in RULES} == {f"R{number}" for number in range(1, 13)}
    assert all(rule.rule in rule.wrong.breaks and rule.wrong.gate for rule in RULES)


@pytest.mark.parametrize("one", EVERY, ids=lambda one: getattr(one, "wrong", one).name)
def test_the_edits_fit_the_code_as_it_is(one: Rule | Wrong, tmp_path: Path) -> None:
    edits: tuple[Edit, ...] = one.edits if isinstance(one, Wrong) else one.wrong.edits
    without = one.without if isinstance(one, Rule) else ()
    write(tmp_path, (*edits, *without))
    for edit in (*edits, *without):
        compile((tmp_path / edit.file).read_text(), edit.file, "exec")
