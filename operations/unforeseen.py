"""What ends a run before its procedure is read to the end has a report, like any other end."""

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

from pyinfra.api import State

from .checks import command, unreachable
from .examine import refuse
from .machinery import commandline, run
from .machinery.migration_settings import WORDS
from .machinery.procedure import Procedure
from .machinery.progress import shown
from .machinery.run import Run
from .reporting import report


def told(do: Callable[..., Any]) -> Callable[..., Any]:
    """A part of pyinfra's way to a procedure, with a report where it ends in an exception.

    + do: connects, or reads the files of the procedure, given pyinfra's state and more
    """

    @wraps(do)
    def doing(state: State, *rest: Any) -> Any:
        try:
            return do(state, *rest)
        except Exception as problem:
            # pyinfra wraps what comes up in a file.
            _ends(state, getattr(problem, "exception", problem))
            raise

    return doing


def judged(connect: Callable[..., Any]) -> Callable[..., Any]:
    """pyinfra's way to the nodes, before which what was typed and set is judged: no node is asked
    for a run that cannot be.

    + connect: connects to all nodes, given pyinfra's state and more
    """

    @wraps(connect)
    def connecting(state: State, *rest: Any) -> Any:
        if commandline.leads_a_procedure() and (found := command.beforehand(state, WORDS)):
            current = run.begun(state, _unknown)
            current.refused(found)
            refuse(current)
        with shown.telling(f"connecting to {len(state.inventory)} nodes"):
            return connect(state, *rest)

    return connecting


def _ends(state: State, problem: Exception) -> None:
    """A run that has refused, or has failed, has said why."""
    with suppress(Exception):  # of an earlier beginning; pyinfra tells the problem itself
        current = run.begun(state, _unknown)
        if current.refusals or current.crashed:
            return
        names = [host.name for host in state.inventory]
        if len(state.failed_hosts) == len(names):
            current.refused(unreachable.findings(state, names, unreachable.NOBODY))
        else:
            current.crashes(problem)


def _unknown(state: State) -> Run:
    """The run of a procedure that did not get as far as to say what it is."""
    settings, _ = command.read_settings(state)
    procedure = Procedure(done="complete", sentence=str, target=settings.target)
    current = Run(state, procedure, settings)
    report.follow(current)
    return current
