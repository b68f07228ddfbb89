"""The site is asked before any step that ends what somebody uses, in every procedure."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from operations.machinery import step

from .fake_cluster import ROOT

OPERATIONS = ROOT / "operations"
MADE_BY = (step.step.__name__, step.attempt.__name__, "step")

# What stops, unmounts, evicts, or keeps from starting; that the others do not is their own affair.
ENDING = {"unmounted", "disconnected", "held"}


def steps() -> Iterator[tuple[ast.FunctionDef, dict[str, ast.expr]]]:
    """Each step of the product, with what its decorator is given."""
    for path in OPERATIONS.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef):
                for made in function.decorator_list:
                    if isinstance(made, ast.Call) and ast.unparse(made.func) in MADE_BY:
                        yield function, {it.arg: it.value for it in made.keywords if it.arg}


def test_every_step_that_opens_the_window_asks_first() -> None:
    found = {
        function.name: "opens" in given
        for function, given in steps()
        if function.name in ENDING or "window.opened()" in ast.unparse(function)
    }
    assert found == dict.fromkeys(
        [*ENDING, "agents_stopped", "other_agents_stopped", "servers_stopped", "stopped"], True
    )
