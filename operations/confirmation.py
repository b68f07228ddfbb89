"""Before anything is done: the plan, as --dry shows it, and one question, in pyinfra's place."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from pyinfra.api import State

from .examine import refuse
from .machinery import commandline, plan, prompt, run
from .machinery.run import Run, say
from .rules.findings import Finding

_YES, _NO = ("yes", "y"), ("no", "n", "")
_ALL = "DAOS will be offline for all of its users. "
_QUESTION = "Type yes to go on, no to leave all as it is: "


def asked(handle: Callable[..., Any]) -> Callable[..., Any]:
    """pyinfra's way through the files of a procedure, after which it would show what it has
    detected, and ask.

    + handle: reads the procedure, given pyinfra's state and more; gives whether changes are to be
      shown, the state and the configuration
    """

    @wraps(handle)
    def handled(state: State, *rest: Any, **named: Any) -> Any:
        shows, state, config = handle(state, *rest, **named)
        ours = run.has_begun(state) and not commandline.as_json()
        if not ours:
            return shows, state, config
        if not commandline.yes():
            _agrees(run.of(state))
        return False, state, config

    return handled


def _agrees(current: Run) -> None:
    """Returns where the run is to go on. Raises SystemExit where somebody says no."""
    for line in plan.lines(current):
        say(line)
    if commandline.dry() or plan.is_empty(current) or _answer(current):
        return
    current.declined = True
    sys.exit()  # with the exit code of the report


def _answer(current: Run) -> bool:
    question = (_ALL if current.start.opens_window else "") + _QUESTION
    while True:
        try:
            answer = prompt.ask(question).lower()
        except EOFError:
            if sys.stdin.isatty():  # Ctrl-D
                return False
            message = "nobody is there to be asked whether to go on: add -y, which asks nothing"
            current.refused([Finding("not-confirmed", (), message)])
            refuse(current)
        if answer in _YES:
            return True
        if answer in _NO:
            return False
