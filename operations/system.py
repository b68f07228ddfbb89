"""The engines as one system: `dmg system stop`, and every rank seen to have joined again."""

from collections.abc import Collection, Iterator

from pyinfra.api import Host

from .checks import unreachable
from .daos import dmg
from .daos.dmg import DmgError, Member
from .daos.node import AGENT, SERVER, Node
from .daos.node_sets import fold
from .machinery import hosts, judgements
from .machinery.run import Run, say
from .machinery.session import POOLS, RANKS
from .machinery.shared import JUST_NOW
from .machinery.step import Command, attempt, step, verify
from .rules import gates
from .rules import members as ranks
from .rules.findings import Finding
from .rules.silence import is_silent
from .rules.view import View

_LOG_LINES = 5
_NO_SERVICE = "waiting for the management service to answer"


def servers_will_start(current: Run, name: str, node: Node) -> bool:
    """The `foreseen` of steps that look what has come of a start."""
    return current.start.will_start_servers


def _engines_run(current: Run, name: str, node: Node) -> bool:
    return current.start.opens_window and current.asked.serving


def _may_stop(current: Run, view: View) -> list[Finding]:
    found = gates.held(view) + gates.traced(view) + gates.agents_stopped(view)
    return found + judgements.healthy(current, view) + unreachable.back(current)


@step("admins", need=_engines_run, gate=_may_stop, once=True, opens=True, asks=(RANKS, POOLS))
def stopped(current: Run, here: Host) -> Iterator[Command]:
    """Stop all engines by `dmg system stop` on one admin node, and see every rank Stopped (R2, R3).

    Up to 2.6.2 it stops in two phases; where a rank cannot be prepared nothing is stopped, and so
    the run ends. From 2.6.3 on it kills the engines without preparing them, whatever is asked for:
    what has to hold before is what this gate sees. From 2.6.4 on it leaves ranks that are
    AdminExcluded out, and has no row for them. It is never asked to force.

    Source: "Stop the DAOS engines by running dmg system stop" (DAOS 2.0); SystemStop in
    src/control/lib/control/system.go of v2.6.3, and in src/control/server/mgmt_system.go of v2.6.4.
    """
    current.window.opened()
    yield verify(current, lambda: _agents_of_hanging_nodes_stopped(current))
    if current.settings.evict and not judgements.is_stopping(current, current.look()):
        # No agent runs any more, so what is evicted now cannot connect again.
        yield verify(current, lambda: evict_all(current))
    yield verify(current, lambda: _stop(current))


def _agents_of_hanging_nodes_stopped(current: Run) -> str | None:
    """A node that was left out since it hangs may take orders all the same (R2)."""
    left_out = [current.host(name) for name in sorted(current.start.left_out)]
    hanging = [host for host in left_out if host.connected]
    agent = current.units.typed(AGENT)
    line = f"systemctl stop {agent} || ! systemctl is-active --quiet {agent}"
    said = hosts.at_once(hanging, lambda host: current.command(host, line, timeout=20))
    problems = [
        f"`systemctl stop {agent}` failed on {host.name}: {errors.strip()}"
        for host, (done, _, errors) in said.items()
        if not (done or is_silent(errors))
    ]
    return "; ".join(problems) or None


def _stop(current: Run) -> str | None:
    timeout = current.settings.timeouts["stop"]
    accepted = current.accepted
    try:
        rows = dmg.results(current.dmg.ask("system stop", timeout))
        failed = [row for row in rows if row.errored and row.rank not in accepted]
    except DmgError as problem:
        say(f"{problem}; looking at the ranks themselves")
        failed = []
    if failed:
        what = "; ".join(f"rank {row.rank}: {row.action} {row.message}" for row in failed)
        if all(row.action == "prep shutdown" for row in failed):
            return (
                f"dmg system stop could not prepare every rank ({what}), so it stopped none: the "
                "engines go on serving. Mend that rank, then type the same command again"
            )
        return (
            f"dmg system stop stopped some engines, not all ({what}). See `dmg system query -v`; "
            "`dmg system start` starts those that were stopped"
        )

    def look() -> tuple[bool, str]:
        up, all_ = _not_down(current, fresh=0)
        # One that stays excluded may be down as soon as its neighbour on the same server is.
        wait_for = [member for member in up if member.state not in ranks.STAYS]
        over = (all_ > 0 and not up) or bool(ranks.hopeless(wait_for, accepted))
        return over, f"{all_ - len(up)} of {all_} engines stopped"

    current.wait("stop", look)
    running, all_ = _not_down(current)
    if all_ and not running:
        return None
    left = gates.not_in_state(running, "stopped", ranks.what_to_do(running, current.units))
    what = "; ".join(map(str, left)) or "dmg gives no answer, see `dmg system query -v`"
    return f"not every rank is Stopped within {timeout} seconds. {what}"


def _not_down(current: Run, fresh: float = JUST_NOW) -> tuple[list[Member], int]:
    """The ranks that may still be up while the engines stop, and how many there are in all.

    A server that gave `dmg system stop` no answer may have lost its power with its engines, and be
    back without them; from 2.6.5 on a rank that is excluded stays so. What is seen there counts
    then, not what the management service remembers.
    """
    members = ranks.expected(current.dmg.query_or_none(fresh) or [], current.accepted)
    others = [it for it in members if it.state in ranks.STAYS or it.state == "unresponsive"]
    down = _with_their_servers(current, others) if others else ()
    return [it for it in members if it.state != "stopped" and it.rank not in down], len(members)


def _with_their_servers(current: Run, members: Collection[Member]) -> set[int]:
    """Those of these ranks that are down, as is seen on the servers that they are on."""
    asked = current.start.where(ranks.Places(members).on, "servers")
    said = hosts.at_once([current.host(name) for name in asked], current.node)
    servers = ((current.start.node(host.name), node) for host, node in said.items())
    return ranks.seen_down(members, servers)


def evict_all(current: Run) -> str | None:
    """Disconnect every connection of every pool by `dmg pool evict`; say what went wrong.

    That of 1.0 cannot: there, whoever still uses DAOS has to be ended on its node. Where no engine
    runs nobody is connected, and from 2.4 on dmg would take five minutes to say that it cannot ask.
    """
    if current.dmg.is_1_0:
        found = gates.unused(current.look(), current.start.concerned)
        return "; ".join(map(str, found)) or None
    if current.look().stopped:
        return None
    try:
        for pool in current.dmg.pools():
            timeout = current.settings.timeouts["stop"]
            dmg.response(current.dmg.ask(f"pool evict {pool.argument}", timeout))
            say(f"evicted the connections of pool {pool.label or pool.uuid}")
    except DmgError as problem:
        return f"the pool connections could not be evicted: {problem}"
    return None


def _serves_without_engines(node: Node) -> bool:
    return node.runs(SERVER) and not node.engines


def _to_start(current: Run, name: str, node: Node) -> bool:
    """Whether engines that `dmg system stop` has stopped are to run again as they are."""
    return (
        bool(current.asked.where(_serves_without_engines, "servers"))
        and not current.start.opens_window
    )


def _may_start(current: Run, view: View) -> list[Finding]:
    return gates.at_target(view, "servers", current.target)


@attempt("admins", need=_to_start, gate=_may_start, once=True)
def started(current: Run, here: Host) -> str | None:
    """Start engines that `dmg system stop` has stopped, where daos_server has run on since.

    Source: "dmg system start" (DAOS 2.0, system operations).
    """
    # That of a server which has just been started takes a moment.
    current.wait("join", lambda: (current.dmg.query_or_none(fresh=0) is not None, _NO_SERVICE))
    stopped = current.start.where(_serves_without_engines, "servers")
    others = [current.host(it) for it in current.start.of("servers") if it not in stopped]
    current.wait("service", lambda: (_have_engines(current, others), ""))
    try:
        answer = current.dmg.ask("system start", current.settings.timeouts["join"])
        rows = dmg.results(answer, "start")
    except DmgError as problem:
        return str(problem)
    for row in rows:
        if row.errored:  # where daos_server is down as well, its engines come with it later
            say(f"rank {row.rank} was not started: {row.message}")
    return None


def _have_engines(current: Run, servers: list[Host]) -> bool:
    """Whether engines run on these servers by now, which start them by themselves.

    One that has only just been started refuses what dmg has the management service ask it, which
    takes its ranks for unresponsive once all others have answered: also those that have joined
    meanwhile, and for good.
    """
    nodes = hosts.at_once(servers, current.node).values()
    return all(node is not None and node.engines for node in nodes)


def _not_joined(current: Run, name: str, node: Node) -> bool:
    return current.acted or bool(judgements.members(current, current.asked, gates.joined))


@step("admins", need=_not_joined, foreseen=servers_will_start, once=True, looks=True)
def joined(current: Run, here: Host) -> Iterator[Command]:
    """Wait until every rank is Joined again, showing how many are (R6).

    On time-out the ranks that are missing are named, with the reason that the management service
    gives and the last lines of that server's log.
    Source: "Validate that all engines have started successfully" (DAOS 2.0, offline update).
    """
    yield verify(current, lambda: _wait_joined(current))


def _wait_joined(current: Run) -> str | None:
    view = current.look()

    def look() -> tuple[bool, str]:
        members = current.dmg.query_or_none(fresh=0)
        if members is None:
            return False, _NO_SERVICE
        up = [member for member in members if member.state == "joined"]
        missing = gates.joined(view, members, current.accepted)
        over = not missing or bool(ranks.hopeless(members, current.accepted))
        return over, f"{len(up)} of {len(members)} engines joined"

    current.wait("join", look)
    missing = judgements.members(current, view, gates.joined)
    current.forgets_servers()  # a look from before may not have seen engines that have come since
    if missing:
        return _who_is_missing(current, view, missing)
    current.dmg.asked_ahead((POOLS,))  # while the servers are looked at for the next step
    return None


def _who_is_missing(current: Run, view: View, missing: list[Finding]) -> str:
    settings = current.settings
    timeout = settings.timeouts["join"]
    hosts = {host for finding in missing for host in finding.hosts}
    members = current.dmg.query_or_none()
    servers = view.of("servers").items()
    if members is None:  # nobody can tell: the logs of all servers
        hosts = set(view.groups["servers"])
    away = [member for member in members or () if member.host in hosts]
    logs = [name for name, it in servers if name in hosts or any(ranks.on(it, m) for m in away)]
    return "\n".join(
        [
            f"not every engine has joined within {timeout} seconds, missing on "
            f"{fold(hosts)}; no agent is started",
            *map(str, missing),
            *(_log_of(current, name) for name in logs),
            "Mend what the log says, then run the same command again: it goes on from here. "
            + ranks.way_on(members, settings.accepted_exclusions, settings.given_up_ranks),
        ]
    )


def _log_of(current: Run, name: str) -> str:
    host = current.host(name)
    unit = current.units.typed(SERVER)
    line = f"journalctl --no-pager -u {unit} -n {_LOG_LINES} -o cat"
    _, output, errors = current.command(host, line, timeout=30)
    lines = (output or errors).splitlines()[-_LOG_LINES:]
    return "\n".join([f"last lines of daos_server on {name}:", *(f"    {text}" for text in lines)])
