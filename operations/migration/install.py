"""The fourth stage: DAOS is seen to hold what the backup holds, and stopped, and 2.x comes."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain

from pyinfra.api import Host

from .. import services
from ..checks import health, installed, manager
from ..checks import services as checked_services
from ..daos import platforms
from ..daos.node import AGENT, Node
from ..machinery import judgements, packaging
from ..machinery.step import Command, attempt, step
from ..rules import gates
from ..rules.findings import Finding, about
from ..rules.view import ROLES, View
from . import backup, conversion, operating_systems
from .copying import copiers, jobs, mounts
from .copying.containers import few
from .copying.copiers import CopyError
from .record.backed_up import as_recorded, manifests, why_not_backed_up
from .record.memory import remember
from .record.record import Container, Migration, now
from .run import MigrationRun, one_by_one

_SECOND = timedelta(seconds=1)  # as exact as the record is
_TRACES = "traces"  # how many starts of daos_server have left a trace on a node, see start_trace.py


def learn(current: MigrationRun) -> None:
    """What will be installed and converted, and which ranks and pools there are before."""
    brought = frozenset(chain.from_iterable(operating_systems.to_update(current).values()))
    current.procedure = replace(current.procedure, from_1_x=True, os_updates=brought)
    current.untidy = frozenset(current.start.where(mounts.leftovers, "clients"))
    current.begins(mounts.without_leftovers(current.start))
    if current.start.outdated:
        current.begins(health.learnt(current))
    conversion.learn(current)


def findings(current: MigrationRun) -> list[Finding]:
    """What stands in the way, before anything is stopped."""
    found = why_not_backed_up(current)
    found += _of_the_nodes(current)
    found += current.unconvertible
    found += _not_compared(current)
    if current.start.record and not found:
        found += manager.foreign(current)
    if current.start.outdated:
        found += manager.within_reach(current, found)
        found += health.findings(current)
    return found


def _of_the_nodes(current: MigrationRun) -> Iterator[Finding]:
    view, settings, target = current.start, current.settings, current.target
    yield from installed.not_installed(view, target)
    yield from installed.half_installed(view)
    yield from gates.update_paths(view, target, current.procedure.from_1_x)
    yield from operating_systems.findings(current)
    yield from gates.one_distribution(view)
    yield from checked_services.stray(view)
    if current.start.outdated:
        yield from gates.current_daemons(view)
        yield from manager.idle(view)
        yield from checked_services.usable(view)
        yield from checked_services.traceable(view)
        yield from checked_services.boot(view, settings.start_at_boot)
        yield from manager.writable(view)
        yield from manager.space(view, settings.free_space_mib)


@attempt(
    "clients",
    need=lambda current, name, node: bool(mounts.leftovers(node)),
    foreseen=lambda current, name, node: name in current.untidy,
    prepares=True,
)
def tidied(current: MigrationRun, here: Host) -> None:
    """Unmount what an interrupted run of this migration has left mounted, and end what reads it."""
    for point in mounts.leftovers(current.look().node(here.name)):
        container = point.rpartition("/")[2]
        with suppress(CopyError):
            jobs.stop(current, here, f"{container}-look")
        with suppress(CopyError):  # then it is found in use
            mounts.unmount(current, here, container)


def _not_compared(current: MigrationRun) -> list[Finding]:
    """DAOS was stopped by something else, or has been used since it was compared and stopped."""
    record, view = current.migration, current.start
    if not _old_servers(view) or view.serving:
        return []
    message = (
        "it is not known whether DAOS still holds what was backed up. Start it again as it was "
        "(daos_server on the servers; `dmg system query -v` shows the ranks; one daos_agent, on "
        f"{copiers.first(current).name}), then type the same command again: it compares, and stops "
        "DAOS itself"
    )
    if not _all_unchanged(record) or other_window(record, view):
        return about("not-compared", _old_servers(view), f"no engine runs there, and {message}")
    return about(
        "used-since",
        used_since(record, view),
        f"DAOS was started there after it had been compared with the backup, and {message}",
    )


def _all_unchanged(record: Migration) -> bool:
    seen = record.compared
    return bool(seen) and all(c.unchanged and c.backed_up <= seen for c in record.to_carry)


def other_window(record: Migration, view: View) -> list[str]:
    """The servers that have served since the comparison, as after a rollback.

    What is remembered on a node while DAOS is stopped is written before it is compared, and
    forgotten when it serves again.
    """
    compared = datetime.fromisoformat(record.compared) if record.compared else None
    return view.where(
        lambda node: not (compared and node.record and node.record.began <= compared + _SECOND),
        "servers",
    )


def used_since(record: Migration, view: View) -> list[str]:
    """The nodes where daos_server or daos_agent was started after the comparison.

    systemd tells when it started a unit last in this boot, and 0 where it did not; what daos_server
    left on the disk whenever it was started tells more.
    """
    unseen = view.unseen
    return [
        name
        for name, node in view.of().items()
        if name in unseen or _started_since(_starts(record, name, node), node)
    ]


def _starts(record: Migration, name: str, node: Node) -> Mapping[str, float]:
    """What was noted of a node; another inventory may have another name for it."""
    return record.starts.get(node.hostname) or record.starts.get(name, {})


def _started_since(before: Mapping[str, float], node: Node) -> bool:
    later = any(
        service.started not in (0.0, before.get(unit, 0.0))
        for unit, service in node.services.items()
    )
    return later or len(node.starts) > before.get(_TRACES, 0)


def _old_servers(view: View) -> list[str]:
    """The servers that have 1.x, as all have before the first package is replaced."""
    return view.where(lambda node: node.newest and node.newest.major < 2, "servers")


def _due(view: View) -> bool:
    """Whether DAOS still serves, so that it is compared right before it is stopped."""
    return view.serving and bool(_old_servers(view))


def _os_to_find(current: MigrationRun, name: str, node: Node) -> bool:
    return name in current.procedure.os_updates and not node.at(current.target)


@attempt(*ROLES, need=_os_to_find, prepares=True, code="no-later-system")
def os_found(current: MigrationRun, here: Host) -> str | None:
    """See that the node's repositories hold a later release of its operating system."""
    node = current.start.node(here.name)
    find = packaging.distribution(current, node).manager.find_os
    line = packaging.line_for(current, find, here.name, node, current.target)
    timeout = current.settings.timeouts["packages"]
    done, _, _ = current.command(here, line, timeout)
    if done:
        return None
    return (
        f"DAOS {current.target.series} does not support {node.os}, and the repositories "
        "of the node hold no later one: add those of a release that it supports"
    )


def _other_agent(current: MigrationRun, name: str, node: Node) -> bool:
    kept = _due(current.asked) and name == copiers.first(current).name
    return current.start.concerns(name) and node.runs(AGENT) and not kept


@step(*ROLES, need=_other_agent, gate=services.may_stop_agents, opens=True)
def other_agents_stopped(current: MigrationRun, here: Host) -> Iterator[Command]:
    """Stop daos_agent wherever it runs, but on the client that compares: nobody else can connect.

    Source: "Stop the daos_agent daemons on all client nodes" (DAOS 2.0, offline update).
    """
    current.window.opened()
    yield from services.stop(current, here, AGENT)


def _to_compare(current: MigrationRun, name: str, node: Node) -> bool:
    return copiers.is_first(current, name, node) and _due(current.asked)


def _agent_to_start(current: MigrationRun, name: str, node: Node) -> bool:
    return _to_compare(current, name, node) and not node.runs(AGENT)


def _may_compare(current: MigrationRun, view: View) -> list[Finding]:
    """Every rank serves, and nobody is connected or can connect but from the comparing client."""
    client = copiers.first(current).name
    others = [name for name, node in view.of().items() if node.runs(AGENT) and name != client]
    return (
        about("agent-running", others, "daos_agent still runs: systemctl stop daos_agent")
        + gates.unused(view)
        + gates.held(view)
        + judgements.members(current, view, gates.joined)
    )


@step("clients", need=_agent_to_start, gate=_may_compare)
def comparing_agent_started(current: MigrationRun, here: Host) -> Iterator[Command]:
    """Start daos_agent on the client that compares, where an earlier run has stopped it already."""
    yield from services.start(current, here, AGENT)


@attempt("clients", need=_to_compare, gate=_may_compare, code="changed-since-backup")
def compared(current: MigrationRun, here: Host) -> str | None:
    """See that DAOS holds exactly what the manifests say, now that nobody else can change it.

    Nothing but what has been seen so right before DAOS is stopped may ever be reformatted.
    """
    containers = current.migration.to_carry
    found = [str(f) for f in (*as_recorded(current), *manifests(current, containers))]
    for container in one_by_one(containers, "comparing {} with its manifest"):
        found += filter(None, [_differs(current, here, container)])
    found += filter(None, [_in_between(current, here)])
    if found:
        return "\n".join(found)
    return remember(current, _unchanged(current.migration, current.look()))


def _differs(current: MigrationRun, client: Host, container: Container) -> str | None:
    with suppress(CopyError):  # one of an interrupted run looked earlier
        jobs.stop(current, client, f"{container.uuid}-look")
    try:
        paths = backup.source_changes(current, client, container)
    except CopyError as problem:
        return str(problem)
    if not paths:
        return None
    return (
        f"{container} has changed since it was backed up: {few(paths)}. Nothing but "
        "agents was stopped: start them again (`systemctl start daos_agent` on the clients), then "
        "type stage=backup and stage=verify again"
    )


def _in_between(current: MigrationRun, client: Host) -> str | None:
    """Somebody on the comparing client, where the agent has to run, has connected meanwhile."""
    node = current.node(client)
    if node is None:
        return f"{client.name} gives no answer any more"
    return f"on {client.name}, {', '.join(node.users)} uses DAOS" if node.users else None


def _unchanged(record: Migration, view: View) -> Migration:
    """The record with what was seen: DAOS holds what the backup holds, right now."""
    time = now()
    starts = {
        node.hostname: {unit: service.started for unit, service in node.services.items()}
        | {_TRACES: float(len(node.starts))}
        for node in view.of().values()
    }
    for container in record.to_carry:
        record = record.with_container(container.uuid, unchanged=time)
    return replace(record, compared=time, starts=starts)


@attempt(*ROLES, need=lambda current, name, node: name in current.procedure.os_updates)
def system_supported(current: MigrationRun, here: Host) -> str | None:
    """See that the operating system that came with DAOS is one that it supports."""
    node = current.node(here)
    series = current.target.series
    if node is not None and platforms.is_supported(node.os, series):
        return None
    system = node.os if node else "unknown"
    return (
        f"the operating system is {system} after the update, and DAOS {series} supports "
        f"{platforms.in_words(platforms.supported(series))}: update it, then type the same command "
        "again"
    )


def why_not_installed(current: MigrationRun) -> list[Finding]:
    """What is missing for 2.x to be installed everywhere; nothing is an empty list."""
    target, view = current.target, current.start
    found = gates.all_at_target(view, target)
    if found:
        return about(
            "not-installed",
            [name for finding in found for name in finding.hosts],
            f"{target} is not installed there: type stage=install",
        )
    return current.unconvertible
