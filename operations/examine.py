"""The look at everything before anything is touched: what stands in the way is listed at once."""

from __future__ import annotations

from collections.abc import Iterator

from pyinfra import logger
from pyinfra.api import State
from pyinfra.api.exceptions import DeployError
from pyinfra.context import ctx_host, ctx_state

from . import cluster, commandline, dmg, gates, releases, report, run
from .dmg import DmgError
from .findings import Finding, about, fold
from .nodes import SERVER
from .run import Run
from .settings import Settings


def examine() -> None:
    """Look at all nodes, once and in parallel, and refuse to begin if something is in the way.

    Raises DeployError after all that was found has been said and written to the report.
    """
    state = ctx_state.get()
    current = run.of(state)
    current.shared.get("examination", lambda: _examine(current, state), fresh=float("inf"))
    if current.refusals:
        raise DeployError(f"refused for what is named above, and in {report.LATEST}")


def _examine(current: Run, state: State) -> None:
    report.follow(current)
    current.refusals = list(_of_the_command(current)) or list(_of_the_nodes(current, state))
    for finding in current.refusals:
        logger.error(f"--> Refused: {finding}")
    if not current.refusals:
        run.say(_summary(current))


def _summary(current: Run) -> str:
    """What was found and what will be done, in one line."""
    target = current.settings.target
    outdated = {
        name: str(node.version)
        for name, node in current.start.of(*cluster.ROLES).items()
        if node.version != target
    }
    plan = f"every node is at {target}"
    if outdated:
        plan = f"{fold(outdated)}: {', '.join(sorted(set(outdated.values())))} -> {target}"
    if current.found_stopped:
        return f"{plan}; no engine runs"
    joined = sum(member.state == "joined" for member in current.members)
    return f"{plan}; {joined} of {len(current.members)} engines joined, {len(current.pools)} pools"


def _of_the_command(current: Run) -> Iterator[Finding]:
    """What can be told without a node: flags, settings, inventory."""
    if not commandline.remembered():
        yield Finding("no-config", (), "config.py was not read: leave out --config")
    for reason in commandline.impossible_flags():
        yield Finding("impossible-flag", (), f"{reason}; leave it out")
    try:
        current.settings = Settings.read(ctx_host.get().data.dict())
    except ValueError as problem:
        yield Finding("bad-setting", (), f"{problem}: correct it in group_data/all.py")
    for role, names in current.start.groups.items():
        if not names:
            yield Finding(
                "empty-group", (), f"the inventory names no {role}: list them in `inventory`"
            )


def _of_the_nodes(current: Run, state: State) -> Iterator[Finding]:
    current.start = cluster.read(state)
    yield from _silent(current, state)
    yield from _packages(current)
    yield from _stray_servers(current)
    yield from _update_paths(current)
    yield from gates.one_distribution(current.start)
    current.opens_window = bool(current.outdated(current.start))
    if current.opens_window and not current.settings.evict:
        yield from gates.unused(current.start)
    yield from _health(current)


def _silent(current: Run, state: State) -> Iterator[Finding]:
    hosts = [state.inventory.get_host(name) for name in current.start.nodes]
    away = [host.name for host in hosts if not host.connected]
    yield from about(
        "no-answer", away, "the node cannot be reached: try `ssh` to it, or mend the inventory"
    )
    odd = [name for name in current.start.silent if name not in away]
    yield from about(
        "unreadable", odd, "rpm or systemctl gave no complete answer: try `rpm -q daos` there"
    )


def _packages(current: Run) -> Iterator[Finding]:
    view, target = current.start, current.settings.target
    for role in cluster.ROLES:
        lacking = [
            name
            for name, node in view.of(role).items()
            if releases.package(role, node.version or target) not in node.packages
        ]
        yield from about(
            "not-installed",
            lacking,
            f"{releases.package(role, target)} is not installed; this updates what is there",
        )
    for name, node in view.of(*cluster.ROLES).items():
        if node.packages and node.version is None:
            yield Finding(
                "mixed-packages",
                (name,),
                f"not one known release, but {_listed(node.packages)}: finish or undo the package "
                "transaction there",
            )
        if node.distribution is None or node.distribution.name not in current.settings.repositories:
            yield Finding(
                "unknown-distribution", (name,), f"no repository of DAOS is known for {node.os}"
            )


def _stray_servers(current: Run) -> Iterator[Finding]:
    servers = current.start.groups["servers"]
    stray = [
        name
        for name, node in current.start.of(*cluster.ROLES).items()
        if name not in servers and (node.runs(SERVER) or node.engines)
    ]
    yield from about(
        "stray-server", stray, "daos_server runs there: add the node to the servers in `inventory`"
    )


def _listed(packages: dict[str, tuple[str, ...]]) -> str:
    return ", ".join(f"{name}-{evr}" for name in sorted(packages) for evr in packages[name])


def _update_paths(current: Run) -> Iterator[Finding]:
    reasons: dict[str, list[str]] = {}
    for name, node in current.start.of(*cluster.ROLES).items():
        reason = node.version and releases.why_not(node.version, current.settings.target)
        if reason:
            reasons.setdefault(reason, []).append(name)
    for reason, names in reasons.items():
        yield Finding("no-update-path", tuple(names), reason)


def _health(current: Run) -> Iterator[Finding]:
    """The system serves with every rank Joined, or is stopped and can be taken on from there."""
    view = current.start
    servers = view.of("servers").values()
    if not any(node.engines for node in servers):
        return  # stopped, by hand or by a run that was interrupted: nothing can be lost by going on
    try:
        current.members = current.query()
        current.pools = current.pool_list()
    except DmgError as problem:
        if current.opens_window:  # else it is on its way up, and is waited for
            message = f"{problem}: see `dmg system query -v` there"
            yield Finding("dmg-failed", (current.admin.name,), message)
        return
    if current.opens_window:
        yield from gates.joined(view, current.members)
        yield from dmg.unhealthy(current.pools)
    else:
        yield from _lost_ranks(current)


def _lost_ranks(current: Run) -> Iterator[Finding]:
    """At the target a system on its way up is waited for, but no waiting brings these back."""
    lost = [member for member in current.members if member.state in gates.LOST]
    yield from about(
        "rank-lost",
        {member.host for member in lost},
        f"{'; '.join(map(str, lost))}: reintegrate it, see `dmg system query -v`",
    )
