"""What is installed on the nodes, releases and operating systems, and whether it can be updated."""

from collections.abc import Collection, Iterator

from ..daos import platforms, releases
from ..daos.node import AGENT, SERVER, Node
from ..daos.releases import Version
from ..machinery.run import Run
from ..machinery.settings import Settings
from ..rules import gates
from ..rules.findings import Finding, about, for_each, grouped, in_words
from ..rules.view import ROLES, View


def findings(current: Run) -> Iterator[Finding]:
    """What stands in the way of the target release on the nodes as they are.

    On the way back that is a release which they have had, on systems that are theirs already.
    """
    view, target, back = current.start, current.target, current.procedure.back
    yield from not_installed(view, target)
    yield from half_installed(view)
    yield from systems(view, current.settings, "" if back else target.series)
    if not back:
        yield from gates.one_distribution(view)
        yield from gates.update_paths(view, target)
    yield from one_release(view, replaced=view.outdated)
    yield from gates.current_daemons(view)


def not_installed(view: View, target: Version) -> Iterator[Finding]:
    """Nodes that lack the package of a role that they have."""
    for role in ROLES:
        yield from lacking(view, role, target)


def lacking(view: View, role: str, target: Version) -> list[Finding]:
    """R5: nodes of one role that lack its package, which somebody may have erased meanwhile."""
    nodes = view.of(role).items()
    return for_each("not-installed", ((name, _lack(node, role, target)) for name, node in nodes))


def _lack(node: Node, role: str, target: Version) -> str | None:
    release = node.version or target
    package = releases.package(role, release)
    if package in node.packages:
        return None
    if node.busy and not node.packages:
        runs = f"{' and '.join(node.busy)} run{'s' if len(node.busy) == 1 else ''} there"
        return (
            f"{runs}, and rpm knows of no package of DAOS: see with `rpm -qa` whether its database "
            "is whole, and mend it (`rpm --rebuilddb`, or /var/lib/rpm from a backup)"
        )
    return (
        f"{package} is not installed, and this updates what is there: install it "
        f"({package}-{release}), or correct the roles of the node in `inventory`"
    )


def half_installed(view: View) -> Iterator[Finding]:
    """Nodes with no single known release, unless the update can finish what was begun there.

    It can where a package transaction was cut short and nothing of DAOS runs on the node.
    """
    for name, node in view.of().items():
        if not node.packages or node.version is not None:
            continue
        listed = ", ".join(
            f"{p}-{evr}" for p, evrs in sorted(node.packages.items()) for evr in evrs
        )
        if node.newest is None:
            message = f"no release that is known, but {listed}: install a release of DAOS there"
            yield Finding("mixed-packages", (name,), message)
        elif node.busy:
            message = (
                f"not one release, but {listed}, and {', '.join(node.busy)} runs there: stop DAOS "
                "in order (agents, `dmg system stop`, daos_server), then type the same command "
                "again, which finishes the package transaction"
            )
            yield Finding("mixed-packages", (name,), message)


def systems(view: View, settings: Settings, series: str) -> Iterator[Finding]:
    """Operating systems that the series does not support, or that have no repository."""
    supported = platforms.supported(series)
    by_system = grouped((name, node.os) for name, node in view.of().items())
    for system, names in by_system.items():
        takes = settings.distribution(system)
        if supported and system not in (*supported, *settings.accepted_systems):
            yield Finding(
                "unsupported-system",
                tuple(names),
                f"DAOS {series} does not support {system}, but "
                f"{platforms.in_words(supported)}: update the operating system, "
                "or, if your site answers for it, name it in accepted_systems in "
                "group_data/all.py",
            )
        elif takes is None or takes.name not in settings.repositories:
            name = takes.name if takes else platforms.enterprise(system)
            yield Finding("unknown-distribution", tuple(names), _without_repository(system, name))


def _without_repository(system: str, name: str) -> str:
    """What to do for a system that has no repository of DAOS, by the name of its packages."""
    if name:
        return (
            f"{system} takes the packages of {name}, and repositories in group_data/all.py has "
            f"none for it: add {name!r} there"
        )
    known = platforms.in_words(platforms.NAMES)
    return (
        f"whose packages {system} takes is not known: say in accepted_systems in "
        f"group_data/all.py which of {known} it takes, like {{{system!r}: {platforms.NAMES[-1]!r}}}"
    )


_STOP_ALL = (
    "Stop DAOS in this order: `systemctl stop {agent}` on the clients, `dmg system stop` on an "
    "admin node, `systemctl stop {server}` on the servers; then type the same command again"
)


def one_release(view: View, replaced: Collection[str] = ()) -> list[Finding]:
    """All engines of a system run the same build; where none runs, the update makes it so.

    An update that is under way has left its record on the nodes.

    + replaced: the nodes whose packages the update replaces, so that their builds are no matter
    """
    if not view.serving or view.records:
        return []
    servers = view.of("servers")
    found = grouped(
        (name, str(node.version or "mixed packages"))
        for name, node in servers.items()
        if node.packages  # else that is said, and there is no release to speak of
    )
    units = view.units
    kind = "releases"
    do = _STOP_ALL.format(server=units.short(SERVER), agent=units.short(AGENT))
    if len(found) < 2 and not set(replaced) & set(servers):
        found, kind, do = gates.builds(view), "builds", gates.NAME_THE_BUILD
    if len(found) < 2:
        return []
    return about(
        "mixed-versions",
        view.groups["servers"],
        f"engines run, and the servers have several {kind}: {in_words(found)}. {do}",
    )
