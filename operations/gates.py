"""The gates: what must hold at the very moment a step acts, judged on live readings. No I/O.

Each returns what is in the way; nothing in the way is an empty list. The numbers are those of the
rules that keep data safe.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .cluster import ROLES, View
from .dmg import Member
from .findings import Finding, about, fold
from .nodes import AGENT, Node
from .releases import Version

_SILENT = (
    "the node gave no answer: see that it can be reached, or take a client that is switched off "
    "out of `inventory`"
)

# Waiting does not bring a rank back from these: its targets have left the pools.
LOST = frozenset({"excluded", "adminexcluded"})


def answering(view: View) -> list[Finding]:
    """Every node answers: what is not known to be stopped is not stopped."""
    return about("no-answer", view.silent, _SILENT)


def agents_stopped(view: View) -> list[Finding]:
    """R2: no agent runs anywhere, on whatever kind of node it is."""
    running = [name for name, node in view.of(*ROLES).items() if node.runs(AGENT)]
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


def quiet(view: View) -> list[Finding]:
    """R4: no engine, no daos_server and no agent of the system runs on any node."""
    return [
        Finding(
            "daos-running",
            (name,),
            f"{', '.join(node.busy)} still runs, and packages change only when nothing does",
        )
        for name, node in view.of(*ROLES).items()
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
    """R6: every rank is Joined, every server has one, and every rank is on a server we know."""
    known = list(members)
    return not_in_state(known, "joined", _what_to_do(known)) + known_servers(view, known)


def _what_to_do(members: Iterable[Member]) -> str:
    if any(member.state == "stopped" for member in members):
        return "`dmg system start` starts ranks that were stopped, see `dmg system query -v`"
    return "see `dmg system query -v`"


def known_servers(view: View, members: Iterable[Member]) -> list[Finding]:
    """The ranks and the servers of the inventory belong together, with none left over.

    `dmg system stop` stops all engines, also those of a server that the inventory does not name.
    """
    known = list(members)
    servers = view.of("servers")
    idle = [name for name, node in servers.items() if not any(_on(node, m) for m in known)]
    strange = {m.host for m in known if not any(_on(node, m) for node in servers.values())}
    return about(
        "no-rank", idle, "the management service knows no rank there: see `dmg system query -v`"
    ) + about("not-in-inventory", strange, "ranks of this system run there: add it to the servers")


def _on(node: Node, member: Member) -> bool:
    """Whether a rank runs on a node; a site's fault domains need not be host names."""
    return member.host == node.hostname or member.address in node.addresses


def engines_running(view: View) -> list[Finding]:
    """R6: engines run on every server, whatever state the management service remembers."""
    idle = [name for name, node in view.of("servers").items() if not node.engines]
    return about("no-engine", idle, "no daos_engine runs: journalctl -u daos_server -n 50")


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
        found.setdefault(node.distribution.name if node.distribution else node.os, []).append(name)
    if len(found) < 2:
        return []
    parts = ", ".join(f"{os} on {fold(names)}" for os, names in found.items())
    return about(
        "mixed-servers",
        view.groups["servers"],
        f"all servers of a system run the same distribution, these do not: {parts}",
    )
