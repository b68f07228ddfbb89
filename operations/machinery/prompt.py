"""A question to whoever has typed the command."""

import sys

from gevent.select import select

from ..daos.shown import visible
from .progress import shown


def ask(question: str) -> str:
    """The line that is typed in answer. Raises EOFError where nobody types one (Ctrl-D).

    input() would block the whole process, whose main greenlet has to hear of a Ctrl-C.
    """
    with shown.paused():
        print(visible(question), end="", flush=True)
        select([sys.stdin], [], [])
        line = sys.stdin.readline()
    if not line or not sys.stdin.isatty():  # nobody has pressed Enter where it is seen
        print()
    if not line:
        raise EOFError
    return line.strip()
