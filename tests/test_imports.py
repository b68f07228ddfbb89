"""What may be imported: no test module, and nothing that changes the process it is imported in."""

from __future__ import annotations

import ast
import subprocess
import sys
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


_ALL = """
import importlib, pkgutil, sys, operations
for module in pkgutil.walk_packages(operations.__path__, "operations."):
    if ".remote" not in module.name:
        importlib.import_module(module.name)
print(*(name for name in sys.modules if name.startswith("pyinfra_cli")))
"""


def test_pyinfra_s_command_is_not_imported_with_the_deploy_code() -> None:
    """It has everything that waits in the process wait by gevent, also that of pytest-xdist."""
    done = subprocess.run(
        [sys.executable, "-c", _ALL], cwd=HERE.parent, capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"
