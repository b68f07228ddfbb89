"""A test module is no library: what several of them need stands in a module of its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MODULES = sorted(HERE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The last names of all modules, and of what might be one, that a module imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names |= {(node.module or "").rpartition(".")[2], *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name.rpartition(".")[2] for alias in node.names}
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(HERE).as_posix())
def test_no_test_module_is_imported(path: Path) -> None:
    assert not imported(path) & {module.stem for module in HERE.rglob("test_*.py")}
