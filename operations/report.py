"""The report: complete once every node has been looked at again."""

from collections.abc import Iterator

from pyinfra import logger
from pyinfra.api import Host

from . import containers
from .checks import unreachable
from .daos.node import AGENT
from .daos.node_sets import fold
from .machinery.run import Run, say
from .machinery.step import Command, step
from .rules import gates
from .rules.findings import Finding
from .rules.view import ROLES, View

# On a client, where neither a unit nor this update has it run.
_LEFT = (
    "daos_agent does not run on {}, nor is it enabled: to have it run, type `systemctl start {}`"
)


def _may_be_complete(current: Run, view: View) -> list[Finding]:
    """What runs is of the target release, and what ran before runs again."""
    ran = [name for name in view.nodes if current.start.ran_before(name, AGENT)]
    return (
        gates.all_at_target(view, current.target)
        + gates.of_their_units(view)
        + gates.current_daemons(view)
        + gates.current_agents(view)
        + gates.agents_running(view, ran)
    )


@step(
    *ROLES,
    foreseen=lambda current, name, node: False,
    gate=_may_be_complete,
    prepares=True,
    looks=True,
)
def completed(current: Run, here: Host) -> Iterator[Command]:
    """Look at every node once more, for the report; the run is complete only with this."""
    view = current.end = current.look()
    if here.name == next(iter(view.nodes)):  # once for all of them
        containers.count_after(current)
        if left := view.where(lambda node: not node.serves(AGENT), "clients"):
            say(_LEFT.format(fold(left), view.units.short(AGENT)))
        for finding in unreachable.back(current):
            logger.warning(f"--> {finding}")
    yield from ()
