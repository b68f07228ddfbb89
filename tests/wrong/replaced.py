"""Functions of the deploy code, replaced while it runs: a copy of this lies beside config.py.

A function is named by itself and by as much of its path as tells it from others: `quiet`,
`rules.held`, `packages._outdated`. So it may move to wherever that is still true of it.
"""

from __future__ import annotations

import gc
import importlib
import pkgutil
from collections.abc import Callable
from functools import cache, partial
from itertools import chain
from types import FunctionType
from typing import Any

from pyinfra.context import ctx_state

import operations
from operations.machinery.step import shell

_FOR_CLIENTS = "operations.migration.remote"  # it runs there, with Python 3.6

calls: list[Callable[..., Any]] = []  # what trampolines call


def put(name: str, source: str) -> None:
    """Replace the one function of this name.

    + source: a lambda; it is called with the original before the arguments
    """
    swap(find(name), made(source))


def made(source: str) -> Callable[..., Any]:
    """The replacement of this source. It may use `chain`, `executing` and `shell`."""
    known = {"chain": chain, "executing": executing, "shell": shell}
    replacement: Callable[..., Any] = eval(source, known)
    return replacement


def executing() -> bool:
    """Whether the steps act; before that the cluster is examined, and a plan is made."""
    return ctx_state.get().is_executing


def find(name: str) -> FunctionType:
    """The one function of this name. Raises AssertionError where there is none, or several."""
    found = [function for function in functions() if _is(path(function), name)]
    assert found, f"operations has no function {name}"
    assert len(found) == 1, f"operations has several functions {name}: {sorted(map(path, found))}"
    return found[0]


@cache
def functions() -> list[FunctionType]:
    """All functions of `operations`, those too that nothing but a decorator holds: the steps."""
    for module in pkgutil.walk_packages(operations.__path__, "operations."):
        if not module.name.startswith(_FOR_CLIENTS):
            importlib.import_module(module.name)
    gc.unfreeze()  # what was imported before the process was forked is looked at, too
    made = [one for one in gc.get_objects() if type(one) is FunctionType]
    return [one for one in made if path(one).startswith("operations.") and "<" not in path(one)]


def path(function: FunctionType) -> str:
    """Where a function is written. What wraps it may go by its name, but has code of its own."""
    return f"{function.__module__}.{function.__code__.co_qualname}"


def _is(path: str, name: str) -> bool:
    """Whether a name is that of a path: its end, and before that some of its parts in order."""
    *rooms, last = path.split(".")
    *named, wanted = name.split(".")
    way = iter(rooms)
    return last == wanted and all(room in way for room in named)


def swap(function: Callable[..., Any], replacement: Callable[..., Any]) -> None:
    """Replace a function, for those too who hold it since before: it gets other code.

    + replacement: called with the original before the arguments
    """
    assert isinstance(function, FunctionType)
    code = function.__code__
    original = FunctionType(
        code, function.__globals__, code.co_name, function.__defaults__, function.__closure__
    )
    original.__kwdefaults__ = function.__kwdefaults__
    function.__code__ = _trampoline(len(calls)).replace(
        co_name=code.co_name, co_qualname=code.co_qualname
    )
    calls.append(partial(replacement, original))


def _trampoline(number: int) -> Any:
    """Code that needs nothing of the module that it is put into."""
    space: dict[str, Any] = {}
    source = f"def go(*args, **named):\n from {__name__} import calls\n return calls[{number}]"
    exec(f"{source}(*args, **named)", space)
    return space["go"].__code__
