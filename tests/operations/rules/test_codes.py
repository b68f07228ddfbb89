"""The catalogue of finding codes: complete, in order, and what docs/findings.md lists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyinfra.connectors.ssh import connector_data_meta

from operations.machinery.settings import NAMES
from operations.rules.codes import EITHER, GROUPS, KNOWN, MOMENTS, Group, Row
from operations.rules.findings import Finding, about

ROOT = Path(__file__).parents[3]
SOURCES = (ROOT / "operations", ROOT / "installed")
ROWS = [row for group in GROUPS for row in group.rows]

# What makes findings, and takes their code first.
MAKERS = {"Finding", "Refused", "about", "for_each", "of_each"}

# Codes that are put together, and all that can come of it.
BUILT = {
    "f'not-{state}'": {"not-joined", "not-stopped"},
    "f'{kind}-added'": {"pool-added", "container-added"},
    "f'{kind}-removed'": {"pool-removed", "container-removed"},
}


def calls() -> Iterator[ast.Call]:
    for path in (path for source in SOURCES for path in source.rglob("*.py")):
        tree = ast.parse(path.read_text())
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def code_of(call: ast.Call) -> ast.expr | None:
    """What a call says is the code of a finding."""
    for keyword in call.keywords:
        if keyword.arg == "code":
            return keyword.value
    makes = isinstance(call.func, ast.Name) and call.func.id in MAKERS
    return call.args[0] if makes and call.args else None


CODES = [code for call in calls() if (code := code_of(call))]


def written() -> set[str]:
    """The codes that stand in the source as they are."""
    chosen = [leaf for code in CODES for leaf in leaves(code)]
    return {str(leaf.value) for leaf in chosen if isinstance(leaf, ast.Constant)}


def leaves(code: ast.expr) -> tuple[ast.expr, ...]:
    """A code, or both of two that are chosen from."""
    return (code.body, code.orelse) if isinstance(code, ast.IfExp) else (code,)


def test_every_code_of_the_source_is_in_the_catalogue_and_no_other() -> None:
    assert written().union(*BUILT.values()) == set(KNOWN)


def test_what_is_put_together_is_known() -> None:
    assert {ast.unparse(code) for code in CODES if isinstance(code, ast.JoinedStr)} == set(BUILT)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.code)
def test_a_row_says_when_and_what_in_sentences(row: Row) -> None:
    assert row.when in {*MOMENTS, EITHER}
    for words in (row.means, row.do):
        assert words[:1].strip() and words.endswith(".") and "|" not in words


# What a row may say instead of what to type or to change: the message has it, or there is nothing.
ELSEWHERE = re.compile(r"the message (names|gives|says)|the same command|no way back|Leave it out")
NAMED = re.compile(r"`([^`]+)`")
PROGRAMS = {
    *("dfuse", "dmg", "journalctl", "kill", "ls", "pyinfra", "ssh", "sudo", "systemctl", "mpirun")
}


def tells(quoted: str) -> bool:
    """Whether what is quoted can be typed, set or opened."""
    first = re.split(r"[ =]", quoted)[0]
    return first in {*PROGRAMS, *NAMES, "inventory", "stage"} or first.startswith(("-", "/"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.code)
def test_a_row_leads_on(row: Row) -> None:
    """To a command, a setting or a file; or says that the message does, or that nothing does."""
    quoted = NAMED.findall(" ".join(row.do.split()))
    assert any(map(tells, quoted)) or ELSEWHERE.search(row.do)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.code)
def test_a_setting_that_a_row_names_is_one(row: Row) -> None:
    words = re.findall(r"`(\w+)(?: = [^`]+)?` in\s`group_data/all.py`", " ".join(row.do.split()))
    assert [word for word in words if word not in {*NAMES, *connector_data_meta}] == []


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.title)
def test_a_group_is_in_order(group: Group) -> None:
    codes = [row.code for row in group.rows]
    assert codes == sorted(set(codes))


def test_a_code_stands_in_one_group() -> None:
    assert len(ROWS) == len(KNOWN)


def test_a_finding_has_a_code_of_the_catalogue() -> None:
    assert Finding("in-use", (), "a job").code == "in-use"
    assert not about("forgotten", (), "nobody")
    with pytest.raises(ValueError, match="'forgotten' is not in the catalogue"):
        Finding("forgotten", (), "somebody")
