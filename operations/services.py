"""The two daemons, daos_agent and daos_server: stopped and started, and seen to be so."""

from collections.abc import Iterator

from pyinfra.api import Host

from .checks import installed, unreachable
from .daos import window_file
from .daos.node import AGENT, SERVER, Node
from .machinery import judgements
from .machinery.run import Run
from .machinery.session import POOLS, RANKS
from .machinery.shared import JUST_NOW
from .machinery.step import Command, shell, step, verify
from .rules import gates
from .rules.findings import Finding
from .rules.view import ROLES, View


def stop(current: Run, here: Host, unit: str) -> Iterator[Command]:
    """Stop a unit on a node, and see that it is stopped."""
    # Not pyinfra's systemd.service: to it a unit that waits to be restarted is stopped already.
    yield shell(current, here, f"systemctl stop {current.units.typed(unit)}")
    yield verify(current, lambda: _still_running(current, here, unit))


def start(
    current: Run, here: Host, unit: str, verb: str = "start", first: str = ""
) -> Iterator[Command]:
    """Start a unit on a node, or restart it, and see that it runs.

    + first: a shell command without whose success nothing is started
    """
    # Packages of 1.0 have no scriptlets that tell systemd of another unit file.
    start = f"systemctl daemon-reload && systemctl {verb} {current.units.typed(unit)}"
    line = f"{first} && {start}" if first else start
    yield shell(current, here, line, f"`{start}`")
    yield verify(current, lambda: _not_running(current, here, unit))


def _still_running(current: Run, here: Host, unit: str) -> str | None:
    def look(fresh: float = 0) -> tuple[bool, str]:
        node = current.node(here, fresh)
        if node is None or node.runs(unit):
            return False, ""
        return unit == AGENT or not node.engines, ""

    if look(JUST_NOW)[0] or current.wait("service", look):
        return None
    timeout, named = current.settings.timeouts["service"], current.units[unit]
    node = current.node(here)
    left = ", ".join(str(daemon) for daemon in node.daemons if daemon.unit == unit) if node else ""
    runs = f", and there is still {left}" if left else ""
    return f"{named} is still not stopped after {timeout} seconds{runs}: systemctl status {named}"


def _not_running(current: Run, here: Host, unit: str) -> str | None:
    node = current.node(here, JUST_NOW)
    if node is not None and node.serves(unit) and unit not in node.outlived:
        return None
    unit = current.units[unit]
    return f"{unit} was started and does not run: journalctl -u {unit} -n 50"


def _agent_to_stop(current: Run, name: str, node: Node) -> bool:
    return current.start.concerns(name) and node.runs(AGENT)


def _server_to_stop(current: Run, name: str, node: Node) -> bool:
    return current.start.opens_window and (node.runs(SERVER) or bool(node.engines))


def _server_to_start(current: Run, name: str, node: Node) -> bool:
    return not node.serves(SERVER)


def _server_will_start(current: Run, name: str, node: Node) -> bool:
    return _server_to_start(current, name, node) or current.start.opens_window


def _agent_to_start(current: Run, name: str, node: Node) -> bool:
    """An agent that neither ran before nor starts at boot stays as the site left it.

    One that runs since before its packages were installed is started anew.
    """
    if node.serves(AGENT):
        return AGENT in node.outlived
    due = "clients" in current.start.roles(name) or current.start.concerns(name)
    return (due and node.at_boot(AGENT)) or current.start.ran_before(name, AGENT)


def _agent_will_start(current: Run, name: str, node: Node) -> bool:
    stops = node.runs(AGENT) and current.start.concerns(name)
    return stops or _agent_to_start(current, name, node)


def may_stop_agents(current: Run, view: View) -> list[Finding]:
    """R1, R11, R12: the update is needed; nothing of DAOS starts by itself any more, nor unseen."""
    return (
        judgements.needed(current, view)
        + gates.held(view, current.start.concerned)
        + gates.traced(view, current.start.concerned)
        + judgements.healthy(current, view)
        + (unreachable.back(current) if current.start.opens_window else [])
    )


def _may_stop_servers(current: Run, view: View) -> list[Finding]:
    accepted = current.accepted
    members = current.dmg.query_or_none()
    stopped = gates.engines_stopped(view, members, accepted)
    known = gates.known_servers(view, members, accepted) if members else []
    held = gates.held(view) + gates.traced(view)
    return held + gates.agents_stopped(view) + stopped + known


def _may_start_servers(current: Run, view: View) -> list[Finding]:
    return (
        gates.at_target(view, "servers", current.target)
        + installed.lacking(view, "servers", current.target)
        + gates.never_lower(view)
        + ([] if current.procedure.back else gates.one_build(view))
        + gates.current_daemons(view)
    )


def may_start_agents(current: Run, view: View) -> list[Finding]:
    """R6: every rank is Joined, on engines that run, and the nodes are at the target."""
    target, accepted = current.target, current.accepted
    return (
        gates.all_at_target(view, target)
        + gates.engines_running(view, current.dmg.query_or_none() or (), accepted)
        + judgements.members(current, view, gates.joined)
    )


@step(
    *ROLES,
    need=_agent_to_stop,
    gate=may_stop_agents,
    opens=True,
    engines=False,
    asks=(RANKS, POOLS),
)
def agents_stopped(current: Run, here: Host) -> Iterator[Command]:
    """Stop daos_agent wherever it runs, and see that it is stopped.

    Admin nodes have it too, since `dmg` comes in the same package up to 2.0.

    Source: "Stop the daos_agent daemons on all client nodes" (DAOS 2.0, offline update).
    """
    current.window.opened()
    yield from stop(current, here, AGENT)


@step("servers", need=_server_to_stop, gate=_may_stop_servers, opens=True, asks=(RANKS,))
def servers_stopped(current: Run, here: Host) -> Iterator[Command]:
    """Stop daos_server on every server, and see that no engine is left either (R3).

    Source: "Stop the daos_server daemons on all server nodes" (DAOS 2.0, offline update).
    """
    current.window.opened()
    yield from stop(current, here, SERVER)


@step("servers", need=_server_to_start, foreseen=_server_will_start, gate=_may_start_servers)
def servers_started(current: Run, here: Host) -> Iterator[Command]:
    """Start daos_server on every server; its engines start and join by themselves (R5).

    That they are about to run on this release is remembered on the node first (R12).
    Source: "Start the daos_server daemons on all server nodes" (DAOS 2.0, offline update).
    """
    node, first = current.look().node(here.name), ""
    if node.record:
        record = node.record.starting(node.written(by_build="-" in node.record.release))
        first = window_file.save(record)
    yield from start(current, here, SERVER, first=first)


def _may_start_agents(current: Run, view: View) -> list[Finding]:
    """Who uses DAOS by an agent that is to be started anew would lose it."""
    older = view.where(lambda node: AGENT in node.outlived)
    return may_start_agents(current, view) + gates.unused(view, older)


@step(
    *ROLES,
    need=_agent_to_start,
    foreseen=_agent_will_start,
    gate=_may_start_agents,
    engines=False,
    asks=(RANKS,),
)
def agents_started(current: Run, here: Host) -> Iterator[Command]:
    """Start daos_agent on every node that had it, after the engines have joined (R6).

    Source: "Start the daos_agent daemons on all client nodes" (DAOS 2.0, offline update).
    """
    older = current.look().node(here.name).runs(AGENT)
    yield from start(current, here, AGENT, "restart" if older else "start")
    yield verify(current, current.window.closed)
