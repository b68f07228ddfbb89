"""A test module is no library: what several of them need stands in a module of its own."""

from __future__ import annotations

import ast
from pathlib import Path

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


def test_no_test_module_is_imported() -> None:
    tests = {module.stem for module in HERE.rglob("test_*.py")}
    found = {path.relative_to(HERE).as_posix(): imported(path) & tests for path in MODULES}
    assert {path: names for path, names in found.items() if names} == {}
