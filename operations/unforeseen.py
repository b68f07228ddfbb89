"""What ends a procedure while it is read is a failure like any other, and has a report."""

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

from pyinfra.api import State

from .checks import command
from .machinery import run
from .machinery.procedure import Procedure
from .machinery.run import Run
from .reporting import report


def told(read: Callable[..., Any]) -> Callable[..., Any]:
    """pyinfra's reading of a procedure, with a report where it ends in an exception.

    + read: reads the files of a procedure, given pyinfra's state and more
    """

    @wraps(read)
    def reading(state: State, *rest: Any) -> Any:
        try:
            return read(state, *rest)
        except Exception as problem:
            # pyinfra wraps what comes up in a file.
            _ends(state, getattr(problem, "exception", problem))
            raise

    return reading


def _ends(state: State, problem: Exception) -> None:
    """A run that has refused, or has failed, has said why."""
    with suppress(Exception):  # of an earlier beginning; pyinfra tells the problem itself
        current = run.begun(state, _unknown)
        if not (current.refusals or current.crashed):
            current.crashes(problem)


def _unknown(state: State) -> Run:
    """The run of a procedure that did not get as far as to say what it is."""
    settings, _ = command.read_settings(state)
    procedure = Procedure(done="complete", sentence=str, target=settings.target)
    current = Run(state, procedure, settings)
    report.follow(current)
    return current
