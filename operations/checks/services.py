"""The services of DAOS: on the nodes where they belong, and enabled as they should be."""

from collections.abc import Iterator

from ..daos.node import AGENT, SERVER
from ..rules.findings import Finding, about
from ..rules.view import View


def stray(view: View) -> Iterator[Finding]:
    """Nodes on which a server runs that the inventory does not name as one."""
    serving = view.where(lambda node: node.runs(SERVER) or node.engines)
    names = [name for name in serving if name not in view.groups["servers"]]
    yield from about(
        "stray-server", names, "daos_server runs there: add the node to the servers in `inventory`"
    )


def at_boot(view: View, expected: bool | None) -> Iterator[Finding]:
    """Nodes whose daemon does not start at boot though it should, or the other way round.

    + expected: whether it should; None where each node keeps what it has

    During an update the services are disabled, and what they were before is remembered.
    """
    if expected is None:
        return
    for role, unit in (("servers", SERVER), ("clients", AGENT)):
        known = view.where(lambda node: node.record is None, role)
        odd = [name for name in known if (unit in view.node(name).enabled) != expected]
        daemon, verb = unit.removesuffix(".service"), "enable" if expected else "disable"
        yield from about(
            "not-enabled" if expected else "enabled",
            odd,
            f"{daemon} {'does not start' if expected else 'starts'} at boot: `systemctl {verb} "
            f"{daemon}`, or set start_at_boot = None in group_data/all.py if that is meant so",
        )
