"""The nodes that cannot be reached: which of them a run can go without, and going without them."""

from collections.abc import Collection, Sequence

from pyinfra import logger
from pyinfra.api import State

from ..machinery import hosts
from ..rules.findings import fold
from ..rules.view import ROLES, View


def dispensable(view: View, away: Sequence[str], limit: int) -> frozenset[str]:
    """The nodes of `away` that a run can go without: admins but for one, and clients up to a limit.

    + away: the nodes that cannot be reached
    + limit: how many clients may be missing; where more are, none is dispensable
    """
    servers, admins, clients = (frozenset(view.groups[role]) for role in ROLES)
    spared = frozenset(away) - servers
    if admins.issubset(away):
        spared -= admins  # somebody has to run dmg
    return spared - clients if len(clients.intersection(away)) > limit else spared


def leave_out(state: State, view: View, names: Collection[str]) -> View:
    """Go on without these nodes; the report names them, and the next run takes them in.

    Returns the view without them.
    """
    if not names:
        return view
    # To pyinfra they have failed, and that would count as a failure of every later step.
    state.failed_hosts -= {host for host in state.failed_hosts if host.name in names}
    logger.warning(
        f"--> Left out, since they cannot be reached: {fold(names)}. The same command takes them "
        "in as soon as they can"
    )
    nodes = {name: node for name, node in view.nodes.items() if name not in names}
    return View(hosts.groups(state, names), nodes, view.said)
