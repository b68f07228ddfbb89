"""The look at everything before anything is touched: what stands in the way is listed at once."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NoReturn, TypeVar

from pyinfra.api import State
from pyinfra.api.exceptions import DeployError
from pyinfra.context import ctx_state

from . import containers, lock
from .checks import (
    command,
    coordinator,
    health,
    host_settings,
    installed,
    inventory,
    manager,
    services,
    sessions,
    unreachable,
)
from .daos.node_sets import fold
from .machinery import host_keys, run
from .machinery.procedure import Procedure
from .machinery.progress import shown
from .machinery.run import Run
from .machinery.settings import Settings
from .reporting import earlier, outcome, report
from .rules import gates
from .rules.findings import Finding, for_each
from .rules.silence import is_silent, why
from .rules.start import Start
from .rules.view import View

AnyRun = TypeVar("AnyRun", bound=Run)

UPDATE = Procedure(done="updated", sentence=outcome.updated)


def examine() -> None:
    """Look at all nodes, once and in parallel, and refuse to begin if something is in the way.

    Raises DeployError after all that was found has been said and written to the report.
    """
    begin(leading(UPDATE), _of_the_nodes, summary)


def leading(procedure: Procedure) -> Callable[[State, Settings], Run]:
    """Makes the run of a procedure that leads to the release that the site has set."""
    return lambda state, settings: Run(state, replace(procedure, target=settings.target), settings)


def begin(
    make: Callable[[State, Settings], AnyRun],
    look: Callable[[AnyRun], list[Finding]],
    summary: Callable[[AnyRun], str],
) -> AnyRun:
    """Begin a run of any procedure: judge what was typed, then what `look` finds on the nodes.

    + make: the run, given what the site decided
    + look: reads the nodes, and says what stands in the way
    + summary: says in a line what was found and what will be done

    Raises DeployError after all that was found has been said and written to the report.
    """

    def begun(state: State) -> AnyRun:
        settings, _ = command.read_settings(state)
        current = make(state, settings)
        report.follow(current)
        try:
            with shown.telling("looking at all nodes"):
                current.refused(command.beforehand(state, current.procedure.words) or look(current))
                if current.start.of("admins"):
                    current.dmg.learn_name()
                    earlier.learn_window(current)
            if not current.refusals:
                containers.count_before(current)
                run.say(summary(current))
        except Exception as problem:
            current.crashes(problem)
        return current

    current = run.begun(ctx_state.get(), begun)
    if current.refusals or current.crashed or current.interrupted:
        refuse(current)
    return current


def refuse(current: Run) -> NoReturn:
    """Raises DeployError; why was said before, and is in the report."""
    raise DeployError("refused for what is named above")


def summary(current: Run) -> str:
    """What was found and what will be done, in one line."""
    start = current.start
    plan = f"every node is at {current.target}"
    if start.outdated:
        releases = sorted({str(start.node(name).like(current.target)) for name in start.outdated})
        plan = f"{fold(start.outdated)}: {', '.join(releases)} -> {current.target}"
    if start.stopped:
        return f"{plan}; no engine runs"
    return f"{plan}; {len(start.ranks)} engines joined, {len(start.pools)} pools"


def _of_the_nodes(current: Run) -> list[Finding]:
    found = find_nodes(current)
    if inventory.foreign_records(current.start):
        return found
    current.begins(health.learnt(current))
    return found + in_the_way(current)


def in_the_way(current: Run) -> list[Finding]:
    """What stands in the way of an update, or of the way back, on nodes that can be asked."""
    start, settings = current.start, current.settings
    found = [*installed.findings(current), *services.stray(start)]
    if not start.idle:
        found += services.usable(start)
    found += services.boot(start, settings.start_at_boot)
    if start.outdated:
        found += host_settings.huge_pages(current)
        found += services.traceable(start)
        found += manager.idle(start)
        found += manager.writable(start)
        found += manager.space(start, settings.free_space_mib)
        found += manager.within_reach(current, found)
    if start.record and not found:
        found += manager.foreign(current)
    if start.outdated and not current.may_evict and not start.serving:
        found += gates.unused(start, start.concerned)
    return found + health.findings(current)


def find_nodes(current: Run) -> list[Finding]:
    """Read all nodes; say which give no answer, which another run is at work on, and what runs
    there that no run could stop or start.
    """
    state, limit = current.state, current.settings.unreachable_clients
    view = current.read()
    unreachable.without_role(state, view)
    away = [*_away(state, view), *(name for name in view.said if is_silent(view.said[name]))]
    strangers = host_keys.strangers(state, away)
    spared = unreachable.dispensable(view, away, limit, strangers)
    view = unreachable.leave_out(state, view, spared)
    silent = list(_silent(state, view))
    _begin(current, view, spared)
    found = silent + sessions.few(state, view) + lock.others(current)
    _wait_for_transactions(current)
    found += inventory.twice_named(current.start) + services.renamed(current.start, current.units)
    found += inventory.foreign_records(current.start)
    services.tell_namesakes(current.start)
    found += coordinator.findings(current)
    return found + gates.of_their_units(current.start)


def _begin(current: Run, view: View, left_out: frozenset[str]) -> None:
    target = current.procedure.target
    current.begins(Start(view.groups, view.nodes, view.said, target=target, left_out=left_out))


def _wait_for_transactions(current: Run) -> None:
    """What an interrupted run of this update has begun on the nodes ends there by itself."""

    def look() -> tuple[bool, str]:
        _begin(current, current.read(), current.start.left_out)
        busy = current.start.where(lambda node: node.managers)
        return not busy, f"waiting for the package manager on {fold(busy)}" if busy else ""

    if current.start.record and current.start.where(lambda node: node.managers):
        current.wait("packages", look)


def _away(state: State, view: View) -> list[str]:
    return [name for name in view.nodes if not state.inventory.get_host(name).connected]


def _silent(state: State, view: View) -> Iterator[Finding]:
    away = _away(state, view)
    yield from unreachable.findings(state, away)
    asked = (name for name in view.silent if name not in away)
    yield from for_each("unreadable", ((name, why(view.said.get(name, ""))) for name in asked))
