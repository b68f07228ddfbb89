"""The report: complete once every node has been looked at again."""

from collections.abc import Iterator

from pyinfra.api import Host

from .daos.node import AGENT
from .machinery.run import Run, say
from .machinery.step import Command, step
from .rules import gates
from .rules.findings import fold
from .rules.view import ROLES


@step(
    *ROLES,
    foreseen=lambda current, name, node: False,
    gate=lambda current, view: (
        gates.all_at_target(view, current.target) + gates.of_their_units(view)
    ),
    prepares=True,
    looks=True,
)
def completed(current: Run, here: Host) -> Iterator[Command]:
    """Look at every node once more, for the report; the run is complete only with this."""
    view = current.end = current.look()
    left = view.where(lambda node: not node.runs(AGENT), "clients")
    if left and here.name == left[0]:
        say(f"daos_agent does not run on {fold(left)}: it is not enabled there")
    yield from ()
