"""The services of DAOS: on the nodes where they belong, and enabled as they should be."""

from collections.abc import Iterator

from pyinfra import logger

from ..daos.node import AGENT, SERVER, Node
from ..daos.shown import some
from ..daos.units import Units, meaning
from ..daos.window_file import Record
from ..rules.findings import Finding, about, for_each
from ..rules.start import Start
from ..rules.view import View

_UNITS = (("servers", SERVER), ("clients", AGENT))
_AGAIN = "type the same command again"
_PACKAGES = {SERVER: "daos-server", AGENT: "daos-client"}


def tell_namesakes(view: View) -> None:
    """Name what an ordinary user runs under the name of a daemon: it is in nobody's way."""
    for name, node in view.of().items():
        if node.namesakes:
            logger.warning(
                f"--> {name}: {some([str(it) for it in node.namesakes])} is none of DAOS, whatever "
                "it is called: an ordinary user runs it, or may run it, and it is left alone"
            )


def stray(view: View) -> Iterator[Finding]:
    """Nodes on which a server runs that the inventory does not name as one."""
    serving = view.where(lambda node: node.runs(SERVER) or node.engines)
    names = [name for name in serving if name not in view.groups["servers"]]
    yield from about(
        "stray-server", names, "daos_server runs there: add the node to the servers in `inventory`"
    )


def boot(start: Start, expected: bool | None) -> Iterator[Finding]:
    """What is wrong with what starts at boot, or not known any more; argument as of `at_boot`."""
    if expected is None:
        yield from forgotten(start)
    elif start.outdated or start.where(lambda node: node.record):
        yield from at_boot(start, expected)


def at_boot(view: View, expected: bool | None) -> Iterator[Finding]:
    """Nodes whose daemon does not start at boot though it should, or the other way round.

    + expected: whether it should; None where each node keeps what it has

    During an update the services are disabled, and what they were before is remembered.
    """
    if expected is None:
        return
    for role, unit in _UNITS:
        known = view.where(lambda node: node.record is None, role)
        odd = [name for name in known if (unit in view.node(name).enabled) != expected]
        hints = ((name, _hint(view.node(name), unit, expected)) for name in odd)
        yield from for_each("not-enabled" if expected else "enabled", hints)


def _hint(node: Node, unit: str, expected: bool) -> str:
    daemon = node.units.short(unit)
    verb = "enable" if expected else "disable"
    instead = meaning(node.services[unit].state).no_enable if expected else ""
    do = instead.format(unit=daemon) or f"`systemctl {verb} {daemon}`"
    return (
        f"{daemon} {'does not start' if expected else 'starts'} at boot: {do}, or set "
        "start_at_boot = None in group_data/all.py if that is meant so"
    )


def usable(start: Start) -> Iterator[Finding]:
    """Units that systemd neither starts nor holds as it has to: masked, linked, pulled in."""
    for unit in (SERVER, AGENT):
        said = ((name, _trouble(start, name, node, unit)) for name, node in start.of().items())
        yield from for_each("unit-state", said)
    nodes = start.of().items()
    pulled = ((name, unit, why) for name, node in nodes for unit, why in node.pulled.items())
    yield from for_each("unit-state", ((n, f"{u} {why}; then {_AGAIN}") for n, u, why in pulled))


def _trouble(start: Start, name: str, node: Node, unit: str) -> str | None:
    means = meaning(node.services[unit].state)
    why = means.no_hold or (means.no_start if _to_start(start, name, node, unit) else "")
    called = node.units.short(unit)
    return f"{called} {why.format(unit=called)}; then {_AGAIN}" if why else None


def renamed(start: Start, units: Units) -> list[Finding]:
    """Nodes on which an update is under way that stops and starts other units.

    + units: those that the site has set now
    """
    given = units.given
    said = (
        (name, _to_name(node.record))
        for name, node in start.of().items()
        if node.record and dict(node.record.units) != given
    )
    return for_each("other-units", said)


def _to_name(record: Record) -> str:
    return (
        "an update is under way there that began with another setting of units, by which it has "
        f"stopped and disabled what it has to bring back: set units = {dict(record.units)} in "
        f"group_data/all.py until it is over, then {_AGAIN}"
    )


def traceable(start: Start) -> list[Finding]:
    """Servers on which somebody's start of daos_server could leave no trace (R12)."""
    servers = start.of("servers").items()
    said = ((name, node.untraceable or None) for name, node in servers if start.concerns(name))
    return for_each("no-trace", said)


def _to_start(start: Start, name: str, node: Node, unit: str) -> bool:
    """Whether a procedure will have to start a unit that its package has brought."""
    due = start.ran_before(name, unit) or node.at_boot(unit)
    here = unit == SERVER and name in start.groups["servers"]
    return (due or here) and _PACKAGES[unit] in node.packages


def forgotten(start: Start) -> Iterator[Finding]:
    """Nodes with nothing on, of which nobody remembers what was on before the update under way.

    Where no server remembers an update, what others do may be about one that is long over, unless
    daos_server is off as well.
    """
    if not start.where(lambda node: node.record):
        return
    for role, _ in _UNITS if start.opened_before else _UNITS[:1]:
        yield from about(
            "record-lost",
            start.where(lambda node: not (node.record or node.busy or node.enabled), role),
            "an update is under way, and what was on there before it is remembered nowhere, while "
            "nothing is on now. Say for this run whether DAOS shall start at boot there: "
            "--data start_at_boot=True, or --data start_at_boot=False to leave it off",
        )
