"""The gates: what must hold at the very moment a step acts, judged on live readings. No I/O.

Each returns what is in the way; nothing in the way is an empty list. The numbers are those of the
rules that keep data safe.
"""

from collections.abc import Callable, Collection, Iterable, Sequence

from ..daos.dmg import Member
from ..daos.node import AGENT, SERVER, Daemon, Node
from ..daos.node_sets import fold
from ..daos.releases import Version, why_not
from ..daos.shown import some
from ..daos.units import Units
from ..daos.window_file import STARTS
from . import in_use
from .findings import Finding, about, for_each, grouped, in_words
from .members import (
    ASKED_TO_STOP,
    STAYS,
    Places,
    expected,
    is_called,
    seen_down,
    short,
    what_to_do,
)
from .silence import why
from .view import ROLES, View

_SILENT = (
    "the node gave no answer: see that it can be reached. A client that is switched off can be "
    "left out: unreachable_clients in group_data/all.py"
)

NAME_THE_BUILD = (
    "Name the one that all shall have in target_release in group_data/all.py, like 2.0.3-6, then "
    "type `pyinfra inventory deploy.py`, which brings all to it"
)

_TRACELESS = (
    "a start of daos_server would leave no trace there, so that nobody could tell later whether "
    "there still is a way back: see that `systemctl show -p ExecStartPre,User {unit}` names "
    f"{STARTS}, and that this user can write to it; then type the same command again"
)

_STRANGE = "ranks of this system run there: add it to the servers"
_BEGAN_WITH = (
    "a server of this system when its update began: add it to the servers in `inventory`, or, if "
    "it is lost for good, name it in given_up_servers and its ranks in given_up_ranks in "
    "group_data/all.py"
)


def answering(view: View) -> list[Finding]:
    """Every node answers: what is not known to be stopped is not stopped."""
    said = ((name, view.said.get(name, "")) for name in view.silent)
    return for_each("no-answer", ((name, why(it) if it else _SILENT) for name, it in said))


def of_their_units(view: View) -> list[Finding]:
    """R2, R4, R5: no daemon runs that its unit has not started.

    The update stops and starts units: what a person, a site's own unit or a container has started
    goes on through all of it, on whatever release it is of.
    """
    return [
        Finding("foreign-daemon", (name,), _foreign(node.strays, node.units))
        for name, node in view.of().items()
        if node.strays
    ]


def _foreign(strays: Sequence[Daemon], units: Units) -> str:
    what = some([str(daemon) for daemon in strays])
    ends = "; ".join(dict.fromkeys(f"`{daemon.ended_by}`" for daemon in strays))
    due = " or ".join(dict.fromkeys(units[daemon.unit] for daemon in strays))
    message = f"{what} was not started by its unit ({due}), so no update stops or starts it"
    ours = (
        "; or, where a unit of the site's own runs it on all nodes, name that in units in "
        "group_data/all.py"
        if any(daemon.other or not daemon.cgroup for daemon in strays)
        else ""
    )
    if all(daemon.unit == AGENT for daemon in strays):
        do = f"end it ({ends}), and start daos_agent by its unit, where it is needed"
    else:
        do = (
            f"stop DAOS in order (agents, `dmg system stop`), end it ({ends}), and have "
            "daos_server started by its unit alone"
        )
    return f"{message}: {do}{ours}"


def agents_stopped(view: View) -> list[Finding]:
    """R2: no agent runs anywhere, on whatever kind of node it is."""
    running = view.where(lambda node: node.runs(AGENT))
    do = f"systemctl stop {view.units.short(AGENT)}"
    return about("agent-running", running, f"daos_agent still runs: {do}")


def needed(
    view: View, target: Version, back: bool = False, reinstalls: bool = False
) -> list[Finding]:
    """R1, R12: some node is not at the target, and every node can get there from what it has.

    + reinstalls: whether the storage is reformatted, so that a node may come from 1.x as well
    + back: whether the target is the release of before, to which no engine has to go back yet
    """
    if not view.silent and all(node.at(target) for node in view.of().values()):
        message = f"every node is at {target} by now: type the same command again to see it"
        return [Finding("not-needed", (), message)]
    return never_started(view) if back else update_paths(view, target, reinstalls)


def update_paths(view: View, target: Version, reinstalls: bool = False) -> list[Finding]:
    """Nodes from whose release no update leads to the target; arguments as in `needed`."""
    # Where a transaction was cut short, the highest release is the one that counts.
    nodes = view.of().items()
    installed = {name: node.like(target) or node.version or node.newest for name, node in nodes}
    why = ((name, has and why_not(has, target, reinstalls)) for name, has in installed.items())
    return for_each("no-update-path", why)


def never_started(view: View) -> list[Finding]:
    """R12: no engine has been started on the release that is to be left again.

    Told by what the update has remembered before it started daos_server, by the trace of any other
    start that systemd made (start_trace.py), and by what runs there. A server that remembers
    nothing of an update that others do any more has been through the whole update. Where a start
    may have left no trace, nobody can tell.
    """
    before = {record.release for record in view.records}
    begun = view.where(lambda node: before and _has_begun(node, before), "servers")
    return about(
        "engine-started",
        begun,
        "daos_server has run there on the new release, and an engine must never go back: "
        f"{_finish(before)}",
    ) + about(
        "start-unknown",
        [name for name in view.unseen if name not in begun],
        "whether daos_server was started there on the new release is not known, since the trace of "
        f"its starts is lost or was not kept, and an engine must never go back: {_finish(before)}",
    )


def traced(view: View, only: Collection[str] | None = None) -> list[Finding]:
    """R12: from now on no start of daos_server goes unseen, whoever starts it.

    + only: the nodes that matter, None for all
    """
    servers = {name: node for name, node in view.of("servers").items() if not node.traced}
    return for_each(
        "no-trace",
        (
            (name, node.untraceable or _TRACELESS.format(unit=view.units.short(SERVER)))
            for name, node in servers.items()
            if only is None or name in only
        ),
    )


def _finish(before: Collection[str]) -> str:
    """How what is under way is finished: an update, or from 1.x a migration, by its next stage.

    + before: the releases that the nodes had before it
    """
    releases = [_release(text) for text in before]
    if not all(release and release.major < 2 for release in releases):
        return "finish the update, `pyinfra inventory deploy.py`"
    return (
        "finish the migration, from `pyinfra inventory deploys/migrate.py --data stage=format` on, "
        "which goes on where it stopped; what 1.x held is in the backup"
    )


def _release(text: str) -> Version | None:
    """A release as it was remembered; None for one that nobody knows."""
    try:
        return Version.parse(text)
    except ValueError:
        return None


def _has_begun(node: Node, before: Collection[str]) -> bool:
    if node.record is None:
        return not any(map(node.was, before))
    if node.record.started not in ("", node.record.release):
        return True
    was = _release(node.record.release)
    starts = [_release(text) for text in node.starts]
    # A start on what nobody knows may be one on a higher release than that of before.
    if not all(release and was and _no_higher(release, was) for release in starts):
        return True
    # One that runs since before its packages were replaced starts engines from these by now.
    runs = node.runs(SERVER) or bool(node.engines)
    return runs and not node.was(node.record.release)


def _no_higher(release: Version, was: Version) -> bool:
    """Whether a start was not on a higher release than the one of before; builds count alike."""
    known = release.build or not was.build or release.level != was.level
    return bool(known) and not was.lower_than(release)


def never_lower(view: View) -> list[Finding]:
    """R12: no daos_server starts on a lower release than engines have been started on there."""
    return about(
        "engine-started",
        view.where(_has_gone_back, "servers"),
        "its engines have been started on a higher release than the one that is installed now, and "
        "must never go back: update its packages, `pyinfra inventory deploy.py`",
    )


def _has_gone_back(node: Node) -> bool:
    """Whether daos_server was started on a higher release since the update began.

    A release that nobody knows is no measure.
    """
    started = (*node.starts, node.record.started) if node.record else ()
    known = [release for text in started if (release := _release(text))]
    by_build = node.record is not None and "-" in node.record.release
    installed = node.build if by_build else node.version
    return installed is not None and any(installed.lower_than(release) for release in known)


def current_daemons(view: View) -> list[Finding]:
    """R5: no daos_server outlives the packages that it was started from.

    So a live update makes it, or a start in the middle of a package transaction. An agent that does
    is started anew by the update.
    """
    older = view.where(lambda node: SERVER in node.outlived)
    return about(
        "older-daemon",
        older,
        "daos_server runs since before its packages were installed, so its engines may be of "
        "another release: stop DAOS in order (agents; `dmg system stop`, if `dmg system query` "
        f"gives an answer; `systemctl stop {view.units.short(SERVER)}`), then type the same "
        "command again",
    )


def current_agents(view: View) -> list[Finding]:
    """R5: no agent outlives the packages that it was started from."""
    older = view.where(lambda node: AGENT in node.outlived)
    return about(
        "older-daemon",
        older,
        "daos_agent runs since before its packages were installed: type the same command again, "
        "which starts it anew",
    )


def agents_running(view: View, names: Collection[str]) -> list[Finding]:
    """R6: the agents run again on these nodes, so that applications there reach DAOS."""
    idle = [name for name in view.where(lambda node: not node.serves(AGENT)) if name in names]
    return about(
        "agent-stopped",
        idle,
        "daos_agent does not run any more, or fails and is started again: see `journalctl -u "
        f"{view.units.short(AGENT)} -n 50`, then type the same command again",
    )


def unused(view: View, only: Collection[str] | None = None) -> list[Finding]:
    """R2: no dfuse mount, and no application that has libdaos mapped.

    + only: the nodes that matter, None for all
    """
    return in_use.findings(_among(view, only))


def _among(view: View, only: Collection[str] | None) -> dict[str, Node]:
    nodes = view.of().items()
    return {name: node for name, node in nodes if only is None or name in only}


def held(view: View, only: Collection[str] | None = None) -> list[Finding]:
    """R11: no node starts DAOS by itself when it reboots, and what it did before is remembered.

    + only: the nodes that matter, None for all
    """
    nodes = _among(view, only)
    free = [name for name, node in nodes.items() if node.record is None or node.enabled]
    pulled = (
        (name, f"{unit} {why}; then type the same command again")
        for name, node in nodes.items()
        for unit, why in node.pulled.items()
    )
    return for_each("starts-at-boot", pulled) + about(
        "starts-at-boot",
        free,
        "DAOS would start by itself there if the node rebooted now: type the same command again, "
        "and keep from enabling the services what else configures the node",
    )


def quiet(view: View, only: Collection[str] | None = None) -> list[Finding]:
    """R4: no engine, no daos_server and no agent of the system runs on any node.

    + only: the nodes that matter, None for all. A client that was left out is updated alone later,
      while the servers serve on the target already
    """
    return [
        Finding(
            "daos-running",
            (name,),
            f"{', '.join(node.busy)} still runs, and packages change only when nothing does",
        )
        for name, node in _among(view, only).items()
        if node.busy
    ]


def engines_stopped(
    view: View, members: Sequence[Member] | None, accepted: Collection[int] = ()
) -> list[Finding]:
    """R3: every rank is Stopped, or no engine is left on any server to be hurt.

    A rank that is excluded stays so from 2.6.5 on: it is down where no engine runs on its server.

    + members: what `dmg system query` answers, None if the management service does not answer
    + accepted: ranks that may be missing
    """
    with_engines = view.where(lambda node: node.engines, "servers")
    if members is None:
        return [
            Finding(
                "engines-running",
                (name,),
                f"dmg gives no answer, and {_engines(view.node(name))} runs: see "
                "`dmg system query -v`",
            )
            for name in with_engines
        ]
    if not with_engines:
        return []
    stay = (member for member in members if member.state in STAYS)
    down = seen_down(stay, ((node, node) for node in view.of("servers").values()))
    up = [member for member in expected(members, accepted) if member.rank not in down]
    return not_in_state(up, "stopped", "run `dmg system stop`")


def _engines(node: Node) -> str:
    return ", ".join(str(it) for it in node.daemons if it.pid in node.engines) or "daos_engine"


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


def joined(
    view: View,
    members: Iterable[Member],
    accepted: Collection[int] = (),
    besides: Collection[str] = (),
) -> list[Finding]:
    """R6: every rank is Joined, every server has one, and every rank is on a server we know.

    + accepted: ranks that may be missing
    + besides: the states in which a rank may be as well
    """
    known = list(members)
    others = [member for member in expected(known, accepted) if member.state not in besides]
    do = what_to_do((member for member in others if member.state != "joined"), view.units)
    found = not_in_state(others, "joined", do + to_start(view))
    return found + known_servers(view, known, accepted)


def to_start(view: View) -> str:
    """Which daos_server to start, as the end of a message; "" where all run.

    A server that has booted while an update kept it from starting stays down by itself.
    """
    down = view.where(lambda node: not node.runs(SERVER), "servers")
    unit = view.units.short(SERVER)
    do = f". {unit} does not run on {fold(down)}: type `systemctl start {unit}` there, then the "
    return f"{do}same command again" if down else ""


def joined_or_stopped(
    view: View, members: Iterable[Member], accepted: Collection[int] = ()
) -> list[Finding]:
    """R3: every rank is Joined, or was stopped by a `dmg system stop` that was cut short.

    Or was to be: a server that has given it no answer, and gives one by now, is told again.

    + accepted: ranks that may be missing
    """
    return joined(view, members, accepted, besides=ASKED_TO_STOP)


def known_servers(
    view: View, members: Iterable[Member], accepted: Collection[int] = ()
) -> list[Finding]:
    """The ranks and the servers of the inventory belong together, with none left over.

    `dmg system stop` stops all engines, also those of a server that the inventory does not name.
    A server whose ranks may all be missing may be missing there, too: it may be switched off. As
    long as a server gives no answer, a rank that is on none of the others may be on that one.

    + accepted: ranks that may be missing
    """
    known = list(members)
    places = Places(known)
    placed = {it.rank for node in view.of("servers").values() for it in places.on(node)}
    idle = view.where(lambda node: not places.on(node), "servers")
    strange = {m.host for m in expected(known, accepted) if m.rank not in placed}
    of_whom = _may_be_silent(view, strange, "the ranks on {} may be its own") or about(
        "not-in-inventory", strange, _STRANGE
    )
    return of_whom + about(
        "no-rank", idle, "the management service knows no rank there: see `dmg system query -v`"
    )


def remembered_servers(
    view: View, called: Iterable[str], given_up: Collection[str] = ()
) -> list[Finding]:
    """The servers that the system had when its update began are those of the inventory.

    One that gives no answer is said to be silent elsewhere; it may be any of those that are not
    seen.

    + called: the servers of before, by their names in the inventory or their own
    + given_up: own host names of servers that do not come back
    """
    servers = view.of("servers").items()
    excused = set(map(short, [*given_up, *view.silent]))
    missing = [
        it
        for it in called
        if short(it) not in excused and not any(is_called(node, name, it) for name, node in servers)
    ]
    return _may_be_silent(view, missing, "it may be {}") or about(
        "not-in-inventory", missing, _BEGAN_WITH
    )


def _may_be_silent(view: View, called: Collection[str], what: str) -> list[Finding]:
    """As long as a server gives no answer, it may be one of those that nobody else is."""
    silent = [name for name in view.groups["servers"] if view.nodes.get(name) is None]
    if not (called and silent):
        return []
    message = f"as long as this server says nothing, {what.format(fold(called))}"
    return about("no-answer", silent, message)


def engines_running(
    view: View, members: Sequence[Member] = (), accepted: Collection[int] = ()
) -> list[Finding]:
    """R6: engines run on every server, whatever state the management service remembers.

    + members: the ranks as far as they are known; a server is excused whose ranks may all be
      missing
    + accepted: ranks that may be missing
    """
    places = Places(members)
    idle = view.where(
        lambda node: not node.engines and not _excused(places.on(node), accepted), "servers"
    )
    see = f"journalctl -u {view.units.short(SERVER)} -n 50"
    return about("no-engine", idle, f"no daos_engine runs: {see}")


def _excused(here: Collection[Member], accepted: Collection[int]) -> bool:
    return bool(here) and not expected(here, accepted)


def at_target(view: View, role: str, target: Version) -> list[Finding]:
    """R5, R6: every node of a role has the target release, and no other."""
    others = {name: node for name, node in view.of(role).items() if not node.at(target)}
    found = sorted({str(node.like(target) or "mixed packages") for node in others.values()})
    return about(
        "not-at-target",
        others,
        f"{', '.join(found)} is installed there, not {target}: run the update again",
    )


def builds(
    view: View, of: Callable[[str, Node], str | None] = lambda name, node: node.builds or None
) -> dict[str, list[str]]:
    """The builds of the servers, each with these; none where they run several systems.

    + of: the build of a server, told by its name and what it has; None where that is not known
    """
    servers = view.of("servers").items()
    several = len({node.os for _, node in servers}) > 1  # each has builds of its own
    return {} if several else grouped((name, of(name, node)) for name, node in servers)


def one_build(view: View) -> list[Finding]:
    """R5: the engines of a system are of one build; mirrors that are synced by halves differ."""
    found = builds(view)
    if len(found) < 2:
        return []
    message = f"they have several builds, and nothing of them starts: {in_words(found)}"
    return about("mixed-versions", view.groups["servers"], f"{message}. {NAME_THE_BUILD}")


def all_at_target(view: View, target: Version) -> list[Finding]:
    """R5, R6: every node has the target release, whatever its role."""
    return [finding for role in ROLES for finding in at_target(view, role, target)]


def one_distribution(view: View) -> list[Finding]:
    """All servers of one system run the same operating system (DAOS 2.0 support document)."""
    found = grouped((name, node.os) for name, node in view.of("servers").items())
    if len(found) < 2:
        return []
    parts = ", ".join(f"{os} on {fold(names)}" for os, names in found.items())
    return about(
        "mixed-servers",
        view.groups["servers"],
        f"all servers of a system run the same operating system, these do not: {parts}. Bring "
        "them to one first, DAOS being stopped for that",
    )
