"""The last words of a run: how it ended, in what state the system is, and what to do now."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from gevent import Timeout
from pyinfra.api import Host
from pyinfra.api.exceptions import ConnectError

from ..daos.node import AGENT, SERVER, Node
from ..daos.node_sets import fold
from ..machinery import commandline, hosts
from ..machinery.run import Run
from ..rules import gates
from ..rules.findings import Finding, folded, grouped
from ..rules.storage import not_to_reboot
from ..rules.view import View

_LONG = 300  # characters of a reason in the last words
_PATIENCE = 30  # seconds for a last look at all nodes


def look_once_more(current: Run) -> View:
    """The cluster after the run; as it was seen last where it cannot be looked at any more.

    pyinfra has ended all connections by now, so new ones are made.
    """
    try:
        return _look(current)
    except SystemExit:  # of the signal that ended the run: gevent hands it to whoever waits next
        return _look(current)


def _look(current: Run) -> View:
    state = current.state
    try:
        with Timeout(_PATIENCE):
            if state.pool is not None:
                state.pool.kill()  # nothing that was under way goes on once we are connected
            left_out = current.start.left_out
            looked_at = [host for host in state.activated_hosts if host.name not in left_out]
            hosts.at_once(looked_at, _reconnect)
            state.failed_hosts.clear()  # whatever failed there, it may well answer
            return current.read()
    except (Timeout, KeyboardInterrupt, Exception):
        return current.seen


def _reconnect(host: Host) -> None:
    """Not by Host.connect: that says "Connected" once more, after the last word of the run."""
    with suppress(ConnectError):
        host.connector.connect()
        host.connected = True


def state_of(view: View) -> Iterator[str]:
    """What state the system is in, in lines for a person."""
    if not view.nodes:
        yield "no node was looked at: in what state DAOS is, is not known"
        return
    nodes = view.of()
    yield f"DAOS {_serves(view)}"
    versions = grouped((n, str(it.version or "half of a transaction")) for n, it in nodes.items())
    yield "packages: " + "; ".join(f"{v} on {fold(on)}" for v, on in sorted(versions.items()))
    held = view.where(lambda node: node.record)
    if held:
        yield f"started by no reboot until this is finished: {fold(held)}"
    for name, node in nodes.items():
        if node.strays:
            yield f"not started by its unit on {name}: {', '.join(map(str, node.strays))}"
    if view.silent:
        yield f"gave no answer: {fold(view.silent)}"


def _serves(view: View) -> str:
    running = view.where(lambda node: node.engines, "servers")
    waiting = view.where(lambda node: node.runs(SERVER) and not node.engines, "servers")
    idle_agents = view.where(lambda node: _wants_agent(node) and not node.runs(AGENT))
    failing = view.where(lambda node: node.runs(AGENT) and not node.serves(AGENT))
    if not running and not view.stopped:
        if any(node.strays for node in view.of("servers").values()):
            return "may serve at any moment: no engine runs yet, and daos_server does"
        return "may serve or not: no engine is seen, and not every server answers"
    if not running:
        left = f"; daos_server still runs on {fold(waiting)}" if waiting else ""
        return f"is stopped: no engine runs{left}"
    everywhere = len(running) == len(view.of("servers"))
    if everywhere and not idle_agents and not failing:
        enabled = all(node.runs(AGENT) for node in view.of("clients").values())
        of = "" if enabled else " that is enabled"
        of += " of the nodes that gave an answer" if view.silent else ""
        return f"serves: engines run on every server, and every agent runs{of}"
    where = "every server" if everywhere else fold(running) + " alone"
    agents_off = f", daos_agent is stopped on {fold(idle_agents)}" if idle_agents else ""
    tries = f", daos_agent has not started on {fold(failing)}, and tries" if failing else ""
    return f"serves in part: engines run on {where}{agents_off}{tries}"


def _wants_agent(node: Node) -> bool:
    ran = node.record is not None and AGENT in node.record.running
    return ran or node.at_boot(AGENT)


def what_next(view: View, may_go_back: bool, go_on: str = "") -> Iterator[str]:
    """What is safe to do now, and what to type.

    + may_go_back: whether no engine has been started on the new release yet
    + go_on: the command that goes on, "" for the same one again
    """
    if view.stopped:
        kept = ". ".join(filter(None, (_at_work(view), not_to_reboot(view))))
        mend = "and to mend nodes" if kept else "to mend nodes and to reboot them"
        yield (
            f"The data is at rest, and it is safe to leave it so, {mend}. "
            f"{kept}{'. ' if kept else ''}Start nothing of DAOS by hand"
        )
    go_on = go_on or commandline.typed()
    yield f"To go on, mend what is named above, if anything is, and type: {go_on}"
    if may_go_back and view.records:
        back = commandline.typed("deploys/rollback.py")
        yield f"To go back to the release of before, type: {back}"


def _at_work(view: View) -> str:
    """The nodes where a transaction goes on after its connection, in a sentence; "" for none."""
    busy = view.where(lambda node: node.managers)
    if not busy:
        return ""
    return (
        f"A package manager is still at work on {fold(busy)}: let it end there before you reboot "
        "it; the same command waits for that"
    )


def summary(current: Run, how: str, step: str, later: Sequence[str] = ()) -> str:
    """How the run ended, in a sentence.

    + how: the outcome as the report has it, or "interrupted"
    + step: the step that the run did not get beyond
    + later: the steps that acted on some node after it all the same
    """
    if how == current.procedure.done:
        return current.procedure.sentence(current)
    if how == "nothing to do":
        target = current.target
        return f"Every node is at {target} and serves: nothing was stopped, nothing was changed"
    if how == "declined":
        return "Declined: nothing was touched"
    if how == "refused":
        stopped = ". DAOS is stopped, as it was found" if current.start.stopped else ""
        return f"Refused: this run stopped nothing{stopped}"
    ended = "Interrupted" if how == "interrupted" else "Failed"
    if not step:
        return f"{ended} before the first step: this run stopped nothing and changed nothing"
    if later:
        return f"{ended} at the step {step!r}, and went on all the same: {', '.join(later)}"
    return f"{ended} at the step {step!r}. No later step was taken on any node"


def reason(findings: Iterable[Finding]) -> list[str]:
    """What went wrong first, in one line, so that all last words are seen at once.

    It was said at length when it did.
    """
    first, *others = folded(
        replace(it, message=it.message.partition("\n")[0]) for it in findings
    ) or (None,)
    if first is None:
        return []
    line = str(first)
    line = line if len(line) <= _LONG else f"{line[:_LONG]} ..."
    return [f"{line}; and {len(others)} more, see above" if others else line]


def updated(current: Run) -> str:
    """How an update ended that did something."""
    start, target, seconds = current.start, current.target, current.window.seconds
    if not start.outdated:
        return f"Every node is at {target}, and what was stopped has been started"
    if not start.opens_window:
        return f"Updated {fold(start.outdated)} to {target}; the rest served all the time"
    offline = f", offline for {seconds:.1f} s" if seconds is not None else ""
    if current.window.unknown:
        offline = ", offline for an unknown time (clocks disagree)"
    resumed = " over more than one run" if start.record and offline else ""
    before = ". DAOS was stopped already when this run began" if start.stopped else ""
    return f"Updated from {lowest(start)} to {target}{offline}{resumed}{before}"


def rolled_back(current: Run) -> str:
    """How a way back ended that did something."""
    return f"Rolled back: every node is at {current.target} again, and DAOS serves"


def afterwards(current: Run, after: View) -> Iterator[str]:
    """What is left by a run that did not get to its end: the system's state, and what to do.

    + after: the cluster as it is now
    """
    since = current.window.first_stop
    if since:
        yield f"Parts of DAOS are stopped since {since:%H:%M:%S} UTC. By now:"
    elif current.window.unknown:
        yield "Parts of DAOS are stopped since an earlier run; clocks disagree since when. By now:"
    yield from state_of(after)
    yield from current.procedure.at_work(current)
    yield from what_now(current, after)


def what_now(current: Run, after: View) -> Iterator[str]:
    """What is to be done about a run that did not get to its end; argument as of `afterwards`."""
    procedure = current.procedure
    may_go_back = procedure.may_be_left and not gates.never_started(after)
    yield from what_next(after, may_go_back, procedure.go_on(current))


def lowest(view: View) -> str | None:
    """The lowest release on any node; None where none is known."""
    versions = [node.version for node in view.of().values() if node.version]
    return str(min(versions)) if versions else None
