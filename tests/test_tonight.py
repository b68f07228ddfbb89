"""The page for the night names what there is: every ending, every exit code, what is typed."""

from __future__ import annotations

import ast
import re
import signal
from pathlib import Path

from operations.machinery import interruption

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "tonight.md").read_text()
LONGEST = 120  # columns of print, and
MOST = 110  # lines on a page


def _rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its own heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line.strip("| ") for line in section.splitlines() if line.startswith("|")]
    return [re.split(r"\s*\|\s*", line) for line in lines[2:]]


def outcomes() -> set[str]:
    """All that a report's `outcome` can be."""
    tree = ast.parse((ROOT / "operations" / "reporting" / "report.py").read_text())
    [outcome] = [
        n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "outcome"
    ]
    returned = [node for node in ast.walk(outcome) if isinstance(node, ast.Return)]
    found = {
        constant.value
        for node in returned
        for constant in ast.walk(node)
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
    }
    for path in (ROOT / "operations").rglob("*.py"):
        text = path.read_text()
        found |= {*re.findall(r'\bProcedure\((?:[^()]*\s)?done="([^"]+)"', text)}
        found |= {*re.findall(r'"outcome": self\.outcome if self\.ended else "(\w+)"', text)}
    return found


def test_every_outcome_has_its_row() -> None:
    assert {"running", "updated", "rolled back", "complete", "failed"} <= outcomes()
    assert outcomes() <= {row[0] for row in _rows("What each ending means")}


def test_every_exit_code_is_named() -> None:
    named = {
        int(code) for row in _rows("What each ending means") for code in re.findall(r"\d+", row[1])
    }
    assert named == {0, 1, *(128 + number for number in interruption._SIGNALS)}
    assert signal.SIGINT in interruption._SIGNALS


def test_what_is_typed_is_there() -> None:
    rules = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)\b", PAGE)) <= rules
    for path in re.findall(r"\b(?:deploys|group_data|docs)/\w+\.\w+", PAGE):
        assert (ROOT / path).exists(), path
    settings = (ROOT / "group_data" / "all.py").read_text()
    for name in re.findall(r"`((?:given_up|unreachable)_\w+|repositories)`", PAGE):
        assert re.search(rf"^{name} = ", settings, re.MULTILINE), name


def test_wheels_are_fetched_as_the_environment_takes_them() -> None:
    rule = (ROOT / "Makefile").read_text().partition("\n$(STAMP):")[2]
    [takes] = re.findall(r"\$\(PIP\) (--no-deps .* -r \S+)", rule)
    assert f"pip download {takes} " in PAGE


def test_it_is_a_page() -> None:
    lines = PAGE.splitlines()
    assert len(lines) <= MOST
    assert max(len(line) for line in lines if not line.startswith("|")) <= LONGEST
    readme = (ROOT / "README.md").read_text()
    assert readme.count("](docs/tonight.md)") == 1
