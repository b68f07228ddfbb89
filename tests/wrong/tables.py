"""The tables of docs/rules.md, made out of the wrong procedures that are tested."""

from __future__ import annotations

from .mutations import EVERY, RULES, Rule, Wrong


def rules() -> str:
    """Rule by rule: its gate, and what comes without it."""
    head = "| rule | gate, in `operations/` | what it looks at | test | the referee without it |"
    return "\n".join([head, "| --- | --- | --- | --- | --- |", *map(_rule, RULES)])


def wrong_procedures() -> str:
    """All wrong procedures, and who caught each."""
    return "\n".join(["| what is wrong | caught by |", "| --- | --- |", *map(_wrong, EVERY)])


def _rule(rule: Rule) -> str:
    gates = ", ".join(f"`{gate}`" for gate in rule.gates)
    test = f"`[{rule.rule}-{rule.wrong.name}]`"
    return f"| {rule.rule} | {gates} | {rule.looks_at} | {test} | {_names(rule.wrong.breaks)} |"


def _wrong(wrong: Wrong) -> str:
    gates = " or ".join(f"`{gate}`" for gate in (wrong.gate, wrong.otherwise) if gate)
    by = f"gate: {gates}" if gates else f"referee: {_names(wrong.breaks)}"
    return f"| {wrong.words} | {by} |"


def _names(rules: frozenset[str]) -> str:
    return ", ".join(sorted(rules, key=lambda rule: int(rule[1:])))
