"""The gates: what must hold at the very moment a step acts, judged on live readings. No I/O.

Each returns what is in the way; nothing in the way is an empty list. The numbers are those of the
rules that keep data safe.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .cluster import View
from .dmg import Member
from .findings import Finding, about, fold
from .nodes import AGENT, SERVER
from .releases import Version

# Waiting does not bring a rank back from these: its targets have left the pools.
LOST = frozenset({"excluded", "adminexcluded"})


def answering(view: View) -> list[Finding]:
    """Every node answers: what is not known to be stopped is not stopped."""
    return about("no-answer", view.silent, "the node gave no answer: see that it can be reached")


def agents_stopped(view: View) -> list[Finding]:
    """R2: no agent runs anywhere."""
    running = [name for name, node in view.of("clients").items() if node.runs(AGENT)]
    return about("agent-running", running, "daos_agent still runs: systemctl stop daos_agent")


def unused(view: View) -> list[Finding]:
    """R2: no dfuse mount, and no application that has libdaos mapped."""
    return [
        Finding(
            "in-use",
            (name,),
            f"{', '.join(node.users)}: end the jobs and unmount, or set evict_connections = True "
            "in group_data/all.py",
        )
        for name, node in view.of("clients", "admins").items()
        if node.users
    ]


def servers_stopped(view: View) -> list[Finding]:
    """No daos_server and no engine runs anywhere."""
    running = {name: node for name, node in view.of("servers").items() if node.busy}
    return about(
        "server-running",
        [name for name, node in running.items() if node.runs(SERVER) or node.engines],
        "daos_server or an engine still runs",
    )


def quiet(view: View) -> list[Finding]:
    """R4: no engine, no daos_server and no agent of the system runs on any node."""
    return [
        Finding(
            "not-quiet",
            (name,),
            f"{', '.join(node.busy)} still runs, and packages change only when nothing does",
        )
        for name, node in view.of("servers", "admins", "clients").items()
        if node.busy
    ]


def engines_stopped(view: View, members: Sequence[Member] | None) -> list[Finding]:
    """R3: every rank is Stopped, or no engine is left on any server to be hurt.

    + members: what `dmg system query` answers, None if the management service does not answer
    """
    with_engines = [name for name, node in view.of("servers").items() if node.engines]
    if members is None:
        return about(
            "engines-running",
            with_engines,
            "dmg gives no answer, and daos_engine runs: see `dmg system query -v`",
        )
    if not with_engines:
        return []
    return not_in_state(members, "stopped", "run `dmg system stop`")


def not_in_state(members: Iterable[Member], state: str, do: str) -> list[Finding]:
    """One finding that names every rank that is not in `state`.

    + do: what to type, as the end of the sentence
    """
    others = [member for member in members if member.state != state]
    return about(
        f"not-{state}",
        {member.host for member in others},
        f"{'; '.join(map(str, others))}: {do}",
    )


def joined(view: View, members: Iterable[Member]) -> list[Finding]:
    """R6: every rank is Joined, and every server has one."""
    known = list(members)
    absent = servers_without_rank(view, known)
    return not_in_state(known, "joined", "see `dmg system query -v`") + about(
        "no-rank", absent, "the management service knows no rank there: see `dmg system query -v`"
    )


def servers_without_rank(view: View, members: Iterable[Member]) -> list[str]:
    """The servers of the inventory on which the management service knows no rank."""
    hosts = {member.host for member in members}
    return [name for name, node in view.of("servers").items() if node.hostname not in hosts]


def at_target(view: View, role: str, target: Version) -> list[Finding]:
    """R5, R6: every node of a role has the target release, and no other."""
    others = {name: node for name, node in view.of(role).items() if node.version != target}
    found = sorted({str(node.version or "mixed packages") for node in others.values()})
    return about(
        "not-at-target",
        others,
        f"{', '.join(found)} is installed there, not {target}: run the update again",
    )


def one_distribution(view: View) -> list[Finding]:
    """All servers of one system run the same distribution (DAOS 2.0 support document)."""
    found: dict[str, list[str]] = {}
    for name, node in view.of("servers").items():
        found.setdefault(node.os, []).append(name)
    if len(found) < 2:
        return []
    parts = ", ".join(f"{os} on {fold(names)}" for os, names in found.items())
    return about(
        "mixed-servers",
        view.groups["servers"],
        f"all servers of a system run the same distribution, these do not: {parts}",
    )
