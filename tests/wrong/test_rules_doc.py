"""The wrong procedures that docs/rules.md is made of: every rule has one, and all fit the code."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from types import FunctionType

import pytest

from testbed.referee import rules as referee

from . import replaced
from .mutated import Edit, Replaced, write
from .mutations import EVERY, RULES, Wrong

WITHOUT = {rule.wrong.name: rule.without for rule in RULES}


def test_every_rule_has_a_gate() -> None:
    judged = {rule.number for rule in referee.RULES}
    assert {rule.rule for rule in RULES} == {number for number in judged if number[0] == "R"}
    assert all(rule.rule in rule.wrong.breaks and rule.wrong.gate for rule in RULES)


@pytest.mark.parametrize("wrong", EVERY, ids=[wrong.name for wrong in EVERY])
def test_the_edits_fit_the_code_as_it_is(wrong: Wrong, tmp_path: Path) -> None:
    edits: tuple[Edit, ...] = (*wrong.edits, *WITHOUT.get(wrong.name, ()))
    write(tmp_path, edits, wrong.file)
    for file in ("config.py", wrong.file):
        compile((tmp_path / file).read_text(), file, "exec")
    for edit in edits:
        if isinstance(edit, Replaced):
            _takes_the_same(edit, replaced.find(edit.name))
            assert _attributes(edit.by) <= _known()


def _takes_the_same(edit: Replaced, original: FunctionType) -> None:
    """Fail unless the replacement can be called as the original is."""
    needed = [
        parameter
        for parameter in inspect.signature(original).parameters.values()
        if parameter.default is parameter.empty
    ]
    by_name = {one.name: None for one in needed if one.kind is one.KEYWORD_ONLY}
    by_place = [None for one in needed if one.kind is one.POSITIONAL_OR_KEYWORD]
    inspect.signature(replaced.made(edit.by)).bind(original, *by_place, **by_name)


def _attributes(source: str) -> set[str]:
    return {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}


def _known() -> set[str]:
    """The attributes, and other names, that the deploy code itself uses."""
    return {name for function in replaced.functions() for name in function.__code__.co_names}
