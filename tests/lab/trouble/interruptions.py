"""How a run is interrupted, and what is seen of it: the steps of which a walk is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from testbed.faults import Fault

from ..site import Outcome, Site

FAILED = 1  # the exit code of a run that has noticed what befell it

Seen = Callable[[Site, Outcome], None]


@dataclass(frozen=True)
class How:
    """What befalls a run.

    + do: brings it about
    + code: the exit code that the run ends with
    """

    do: Callable[[Site], object]
    code: int = FAILED


KILLED = How(Site.kill, -9)  # pyinfra can say nothing and tidy up nothing
CTRL_C = How(Site.press_ctrl_c, 130)
IMPATIENCE = How(Site.press_ctrl_c_again_and_again, 130)
HANGING_UP = How(Site.hang_up, 129)


def hit_by(fault: Fault, *nodes: str) -> How:
    """Nodes are hit by something that comes and goes."""

    def hit(site: Site) -> None:
        for name in nodes:
            fault.strike(site.lab.node(name))

    return How(hit)


def _nothing_more(site: Site, outcome: Outcome) -> None:
    """That the next run goes on from there is all that is to be seen."""


@dataclass(frozen=True)
class Interruption:
    """A run that does not get to its end.

    + run: types the command, and sees to it
    + code: the exit code that it ends with
    + step: the step at whose beginning it happens; "" where it happens elsewhere
    + then: looks at what it has left, before the next run goes on from there
    """

    run: Callable[[Site], Outcome]
    code: int = FAILED
    step: str = ""
    then: Seen = _nothing_more


def at(step: str, how: How, then: Seen = _nothing_more) -> Interruption:
    """Interrupt a run when a step begins, so right after the one before it.

    That it gets there shows that it has gone on from what the run before has left.
    """

    def run(site: Site) -> Outcome:
        begins = f"Starting operation: {step}"
        outcome = site.update_until(begins, lambda: how.do(site))
        assert begins in outcome.output, outcome.output
        return outcome

    return Interruption(run, how.code, step, then)
