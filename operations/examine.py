"""The look at everything before anything is touched: what stands in the way is listed at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pyinfra import logger
from pyinfra.api import State
from pyinfra.api.exceptions import DeployError
from pyinfra.context import ctx_state

from . import lock
from .checks import command, health, installed, manager, services, unreachable
from .daos import window_file
from .machinery import hosts, run
from .machinery.run import Run
from .reporting import report
from .rules import gates
from .rules.findings import Finding, about, fold
from .rules.view import ROLES


def examine() -> None:
    """Look at all nodes, once and in parallel, and refuse to begin if something is in the way.

    Raises DeployError after all that was found has been said and written to the report.
    """
    begin(_of_the_nodes)


def begin(
    look: Callable[[Run, State], Iterable[Finding]],
    summary: Callable[[Run], str] | None = None,
) -> None:
    """Begin a run of any procedure: judge what was typed, then what `look` finds on the nodes.

    + summary: says in a line what was found and what will be done

    Raises DeployError after all that was found has been said and written to the report.
    """
    state = ctx_state.get()
    current = run.of(state)
    current.shared.get("examination", lambda: _examine(current, look, summary), fresh=float("inf"))
    if current.refusals:
        raise DeployError(f"refused for what is named above, and in {report.LATEST}")


def _examine(
    current: Run,
    look: Callable[[Run, State], Iterable[Finding]],
    summary: Callable[[Run], str] | None,
) -> None:
    report.follow(current)
    current.refusals = list(command.findings(current)) or list(look(current, current.state))
    for finding in current.refusals:
        logger.error(f"--> Refused: {finding}")
    if not current.refusals:
        run.say((summary or _summary)(current))


def _summary(current: Run) -> str:
    """What was found and what will be done, in one line."""
    target = current.settings.target
    outdated = {
        name: str(node.version)
        for name, node in current.start.of(*ROLES).items()
        if node.version != target
    }
    plan = f"every node is at {target}"
    if outdated:
        plan = f"{fold(outdated)}: {', '.join(sorted(set(outdated.values())))} -> {target}"
    if current.found_stopped:
        return f"{plan}; no engine runs"
    return f"{plan}; {len(current.ranks)} engines joined, {len(current.pools)} pools"


def _of_the_nodes(current: Run, state: State) -> list[Finding]:
    found = list(reached(current, state))
    current.decide()
    found += installed.findings(current)
    found += services.stray(current.start)
    if current.outdated_nodes:
        found += manager.idle(current.start)
        found += services.at_boot(current.start, current.settings.start_at_boot)
        found += manager.space(current.start, current.settings.free_space_mib)
        found += manager.within_reach(current, found)
    if current.outdated_nodes and not current.may_evict and not current.start.serving:
        found += gates.unused(current.start, current.concerned)
    found += health.findings(current)
    return found


def reached(current: Run, state: State) -> Iterator[Finding]:
    """Read all nodes; say which give no answer, and which another run is at work on."""
    current.start = current.seen = hosts.read(state)
    yield from _silent(current, state)
    yield from lock.others(current)
    _wait_for_transactions(current)


def _wait_for_transactions(current: Run) -> None:
    """What an interrupted run of this update has begun on the nodes ends there by itself."""

    def look() -> tuple[bool, str]:
        current.start = current.seen = hosts.read(current.state, current.left_out)
        busy = [name for name, node in current.start.nodes.items() if node and node.managers]
        return not busy, f"waiting for the package manager on {fold(busy)}" if busy else ""

    if current.record and any(node.managers for node in current.start.nodes.values() if node):
        current.wait("packages", look)


def _silent(current: Run, state: State) -> Iterator[Finding]:
    hosts = [state.inventory.get_host(name) for name in current.start.nodes]
    away = [host.name for host in hosts if not host.connected]
    spared = unreachable.dispensable(current.start, away, current.settings.unreachable_clients)
    unreachable.leave_out(current, spared)
    away = [name for name in away if name not in spared]
    yield from about(
        "no-answer",
        away,
        "the node cannot be reached: try `ssh` to it, mend the inventory, or (clients only) set "
        "unreachable_clients in group_data/all.py",
    )
    odd = [name for name in current.start.silent if name not in away]
    yield from about(
        "unreadable",
        odd,
        "rpm or systemctl gave no complete answer: try `rpm -q daos` there; or "
        f"{window_file.PATH} is damaged, which tells what an update has to give back",
    )
