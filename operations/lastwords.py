"""The last words of a run: how it ended, in what state the system is, and what to do now."""

from __future__ import annotations

from collections.abc import Iterator

from . import aftermath, cluster, gates
from .cluster import View
from .findings import fold
from .migration import account
from .run import Run


def summary(current: Run, outcome: str, window: float | None, last_step: str) -> str:
    """How the run ended, in a sentence.

    + outcome: as the report has it, or "interrupted"
    + window: the length of the offline window, seconds
    + last_step: the step that the run got to
    """
    target = current.settings.target if hasattr(current, "settings") else None
    if outcome == "updated":
        return _updated(current, window)
    if outcome == "complete":
        return account.summary(current)
    if outcome == "rolled back":
        return f"Rolled back: every node is at {target} again, and DAOS serves"
    if outcome == "nothing to do":
        return f"Every node is at {target} and serves: nothing was stopped, nothing was changed"
    if outcome == "refused":
        stopped = ". DAOS is stopped, as it was found" if current.found_stopped else ""
        return f"Refused: this run stopped nothing{stopped}"
    how = "Interrupted" if outcome == "interrupted" else "Failed"
    return f"{how} at the step {last_step!r}. No later step was taken on any node"


def _updated(current: Run, window: float | None) -> str:
    target = current.settings.target
    if not current.outdated_nodes:
        return f"Every node is at {target}, and what was stopped has been started"
    if not current.opens_window:
        return f"Updated {fold(current.outdated_nodes)} to {target}; the rest served all the time"
    offline = f", offline for {window:.1f} s" if window is not None else ""
    resumed = " over more than one run" if current.record and offline else ""
    before = ". DAOS was stopped already when this run began"
    return f"Updated from {lowest(current.start)} to {target}{offline}{resumed}" + (
        before if current.found_stopped else ""
    )


def afterwards(current: Run, after: View) -> Iterator[str]:
    """What is left by a run that did not get to its end: the system's state, and what to do.

    + after: the cluster as it is now
    """
    since = current.first_stop
    if since:
        yield f"Parts of DAOS are stopped since {since:%H:%M:%S} UTC. By now:"
    yield from aftermath.state_of(after)
    if current.job:
        yield f"still at work, and followed by the next run: {current.job}"
    may_go_back = not (current.back or current.stage) and not gates.never_started(after)
    yield from aftermath.what_next(after, may_go_back, account.go_on(current))


def lowest(view: View) -> str | None:
    """The lowest release on any node; None where none is known."""
    versions = [node.version for node in view.of(*cluster.ROLES).values() if node.version]
    return str(min(versions)) if versions else None
