"""What the site is told at the end of a run, by commands of its own: see machinery/hooks.py."""

from collections.abc import Iterator

from ..machinery import commandline, local_command
from ..machinery.hooks import CLOSED, FAILED, REFUSED
from ..machinery.run import Run
from ..rules.view import View


def told(current: Run, outcome: str, after: View | None) -> bool:
    """Run the site's commands for what has become of the run; whether there was one.

    + outcome: as of the report, which is on disk
    + after: the cluster as it is now; None where nobody has looked
    """
    if commandline.dry():
        return False
    local_command.all_ended()
    ran = [current.hooks.tell(event) for event in _events(current, outcome, after)]
    return any(ran)


def _events(current: Run, outcome: str, after: View | None) -> Iterator[str]:
    if _is_over(current, after) and (outcome != "failed" or _seen_to_end(current)):
        yield CLOSED
    if outcome == "refused":
        yield REFUSED
    if outcome == "failed" and _matters(current):
        yield FAILED


def _is_over(current: Run, after: View | None) -> bool:
    """Whether an update was under way, in this run or before it, and no server remembers one now.

    By that, what one run has left undone is told by the one that ends it, and is told once.
    """
    start = current.start
    under_way = start.record or (start.opens_window and current.window.is_open)
    if not under_way or after is None or after.records or not after.serving:
        return False
    return all(after.nodes.get(name) for name in after.groups["servers"])


def _seen_to_end(current: Run) -> bool:
    """Whether a run that has failed in the end has got beyond the window, or has found it so."""
    return bool(current.start.record or current.window.last_start)


def _matters(current: Run) -> bool:
    """Whether the site has to hear of it: not of a Ctrl-C before anything was touched."""
    asked = current.window.is_open or current.hooks.asked
    return asked or not current.interrupted
