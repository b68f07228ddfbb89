"""The nodes that give no answer: which of them a run can go without, and going without them."""

from collections.abc import Collection, Sequence
from functools import partial

from pyinfra import logger
from pyinfra.api import State

from ..daos.node_sets import fold
from ..machinery import connections, hosts
from ..machinery import host_keys as keys
from ..machinery.run import Run
from ..rules.findings import Finding, about, for_each
from ..rules.view import ROLES, View
from . import host_keys


def dispensable(
    view: View, away: Sequence[str], limit: int, strangers: Collection[str] = ()
) -> frozenset[str]:
    """The nodes of `away` that a run can go without: admins but for one, and clients up to a limit.

    + away: the nodes that give no answer
    + limit: how many clients may be missing; where more are, none is dispensable
    + strangers: those of them whose host keys are not known; only clients of them are dispensable,
      which the site has allowed
    """
    servers, admins, clients = (frozenset(view.groups[role]) for role in ROLES)
    spared = frozenset(away) - servers
    if admins.issubset(away):
        spared -= admins  # somebody has to run dmg
    spared -= frozenset(strangers) - clients
    return spared - clients if len(clients.intersection(away)) > limit else spared


_ONE = (
    "the node cannot be reached{why}: try `ssh` to it, mend the inventory, or (clients only) set "
    "unreachable_clients in group_data/all.py"
)
NOBODY = "no node can be reached{why}: try `ssh` to one of them, and see who connects (--ssh-user)"


def findings(state: State, away: Sequence[str], message: str = _ONE) -> list[Finding]:
    """That these nodes were not connected to, and why where that is known.

    + message: what is said of the others, with {why} where the reason stands
    """
    strangers = keys.strangers(state, away)
    others = [name for name in away if name not in strangers]
    said = ((name, message.format(why=_why(state, name))) for name in others)
    return [*host_keys.findings(strangers), *for_each("no-answer", said)]


def _why(state: State, name: str) -> str:
    """What came up when it was connected to, " (...)"; "" where nothing did."""
    why = connections.why.get(state.inventory.get_host(name), "")
    return f" ({why})" if why else ""


def leave_out(state: State, view: View, names: Collection[str]) -> View:
    """Go on without these nodes; the report names them, and the next run takes them in.

    Returns the view without them.
    """
    _forgive(state, names)
    if not names:
        return view
    logger.warning(
        f"--> Left out, since they cannot be reached: {fold(names)}. The same command takes them "
        "in as soon as they can"
    )
    for line in host_keys.left_out(keys.strangers(state, sorted(names))):
        logger.warning(f"--> {line}")
    for name in sorted(names):
        if said := view.said.get(name):
            said = " / ".join(said.splitlines())
            logger.warning(
                f"--> {name}: {said}. Its daos_agent is told to stop before the engines do; "
                "better switch the node off"
            )
    nodes = {name: node for name, node in view.nodes.items() if name not in names}
    return View(hosts.groups(state, names), nodes, view.said)


def _forgive(state: State, names: Collection[str]) -> None:
    """To pyinfra these have failed, and that would count as a failure of every later step."""
    state.failed_hosts -= {host for host in state.failed_hosts if host.name in names}


def without_role(state: State, view: View) -> None:
    """What the inventory has for other purposes has no part in this, and need not be reached."""
    others = [host.name for host in state.inventory if host.name not in view.nodes]
    _forgive(state, others)
    if others:
        logger.warning(
            f"--> Nothing is done on {fold(others)}: in `inventory` they are in none of the groups "
            f"{', '.join(ROLES)}"
        )


def back(current: Run) -> list[Finding]:
    """Nodes that were left out and answer by now: in the window their agents are in the way."""
    away = [current.host(name) for name in sorted(current.start.left_out)]
    looked = hosts.at_once(away, partial(hosts.knock, current.state, current.units))
    found = []
    for host, node in looked.items():
        if node:
            runs = f"; {', '.join(node.busy)} {node.version} runs there" if node.busy else ""
            message = f"it was left out, and gives an answer by now{runs}: type the same command "
            found += about("came-back", [host.name], f"{message}again, which takes it in")
    return found
