"""What the package manager of a node is told in a run: its repository, and its packages. No I/O."""

import shlex
from collections.abc import Collection, Iterable, Sequence
from itertools import chain

from ..daos import releases
from ..daos.node import Node
from ..daos.package_managers import CHECK, KEY, REPOSITORY
from ..daos.platforms import Distribution
from ..daos.releases import Version
from .dependencies import Dependency, Package
from .run import Run
from .settings import Repository, Settings

# No gpgkey over the network: what signing_key.py has looked at is what is taken.
# Not pyinfra's own repository operations: they cannot say pkg_gpgcheck, without which zypper takes
# an unsigned package from a repository whose metadata is signed (seen on zypper 1.14).
_REPOSITORY = """\
[{name}]
name=DAOS
baseurl={baseurl}
enabled={enabled}
gpgcheck=1
{signed}"""
_KEY = f"gpgkey=file://{KEY}\n"


def definition(
    current: Run, takes: Distribution, node: Node, name: str = REPOSITORY, later: bool = False
) -> str:
    """The repository of the target release for a node, as a .repo file defines it.

    On the way back from another series the one of the release that is left is there, too: for an
    operating system that was updated with DAOS, it alone has what the older release depends on
    (compat-hwloc1, of hwloc 1.11).

    + later: whether that other one is enabled for whatever the package manager is told
    """
    settings, left, series = current.settings, node.newest, current.target.series
    text = _section(settings, takes, name, series, enabled=True)
    if current.procedure.back and left and left.series != series:
        text += "\n" + _section(settings, takes, f"{name}-later", left.series, enabled=later)
    return text


def _section(settings: Settings, takes: Distribution, name: str, series: str, enabled: bool) -> str:
    site = settings.repositories[takes.name]
    baseurl = site.baseurl.format(series=series)
    # What is only resolved trusts no key, and installs nothing.
    signed = takes.manager.unsigned if name.startswith(CHECK) else _KEY
    if site.signed_metadata and not name.startswith(CHECK):
        signed += "repo_gpgcheck=1\n"
    text = _REPOSITORY.format(name=name, baseurl=baseurl, signed=signed, enabled=int(enabled))
    return text + takes.manager.defined


NOT_HAD = (
    "the packages of the target cannot be had. See that the repository holds them, and signed "
    "(target_release and repositories in group_data/all.py), then type the same command again"
)

NOT_FETCHED = (
    "the packages of the target cannot be had, or not be installed beside what the node has: see "
    "that the repository holds them, and signed (target_release and repositories in "
    "group_data/all.py), or mend what else is said here (erase a package that has files of "
    "theirs?), then type the same command again"
)


def not_had(besides: Collection[Dependency]) -> str:
    """That what a node needs cannot be had; where it is not DAOS alone, how to do without."""
    if not besides:
        return NOT_HAD
    return (
        f"{NOT_HAD}. With DAOS this changes: {', '.join(map(str, besides))}; "
        "`update_dependencies = False` in group_data/all.py leaves that as it is"
    )


def wanted(node: Node, roles: list[str], target: Version) -> list[str]:
    """The packages to have at the target: those of the node's roles, and all of DAOS it has now."""
    return sorted({releases.package(role, target) for role in roles} | set(node.packages))


def release(node: Node, target: Version) -> str:
    """A release as the packages of a node name it, with the build as on its distribution."""
    return target.on(next(chain.from_iterable(node.packages.values()), ""))


def others(node: Node, names: Iterable[str], target: Version) -> list[str]:
    """In words, each package of DAOS that is not there in exactly the target release.

    + names: those that have to be there; what is there besides counts as well
    """
    found = []
    for name in sorted({*names, *node.packages}):
        evrs = node.packages.get(name, ())
        if not _there(evrs, target):
            found.append(f"{name} is {' and '.join(evrs)}" if evrs else f"{name} is missing")
    return found


def missing(node: Node, roles: list[str], target: Version) -> list[str]:
    """The packages that are still to be installed for the target."""
    return [
        it for it in wanted(node, roles, target) if not _there(node.packages.get(it, ()), target)
    ]


def _there(evrs: Sequence[str], target: Version) -> bool:
    """Whether a package is there in exactly the target release, once."""
    return len(evrs) == 1 and releases.is_of(evrs[0], target)


def repository(current: Run, node: Node) -> Repository:
    """Where the packages of a node come from."""
    return current.settings.repositories[distribution(current, node).name]


def foreign(current: Run, node: Node, trusted: Collection[str]) -> str | None:
    """What is wrong with packages of DAOS that are not signed by these keys; None where all are.

    + trusted: the ids of the keys that the site has named for the node's repository, as of
      `signing_key.ids`
    """
    found = [
        (name, f"{name}-{evr}, by {f'key {signer}' if signer else 'none'}")
        for name, evrs in sorted(node.packages.items())
        for evr, signer in zip(evrs, node.signers[name], strict=True)
        if signer not in trusted
    ]
    if not found:
        return None
    manager = distribution(current, node).manager
    again = " ".join([manager.command, manager.again, *(name for name, _ in found)])
    return (
        "these are not signed by the key that `repositories` in group_data/all.py names: "
        f"{'; '.join(words for _, words in found)}. Have those of DAOS's own repository in their "
        f"place (`{again}`), or correct the key, then type the same command again"
    )


# To try something without changing the node: the repository is defined in a folder of its own,
# beside copies of the node's, and what the package manager keeps about it is removed.
_TRIED = """\
folder=$(mktemp -d) || exit 1
trap '{forget}; rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
{copies}printf %s {definition} > "$folder/{check}.repo"
export LC_ALL=C
{line}
"""


def tried(current: Run, line: str, name: str, node: Node) -> str:
    """The shell command that has a node's package manager try a line, and change nothing."""
    takes = distribution(current, node)
    return _TRIED.format(
        forget=takes.manager.forget,
        copies=takes.manager.copies(),
        definition=shlex.quote(definition(current, takes, node, CHECK, later=True)),
        check=CHECK,
        line=line_for(current, line, name, node, current.target, goes_back(current, node)),
    )


def newer(current: Run, name: str, node: Node, output: str) -> list[Package]:
    """What DAOS's repository has newer for a node, as its package manager lists it.

    Without DAOS itself, whose release the site names.
    """
    own = {*wanted(node, current.start.roles(name), current.target), *node.packages}
    listed = distribution(current, node).manager.listed(output)
    return [package for package in listed if package[0] not in own]


def distribution(current: Run, node: Node) -> Distribution:
    """The distribution whose packages a node takes; that it has one was examined."""
    found = current.settings.distribution(node.os)
    assert found
    return found


def goes_back(current: Run, node: Node) -> bool:
    """Whether a node gets an older release; on the way back one that is behind gets a newer."""
    behind = node.highest is not None and node.highest.lower_than(current.target)
    return current.procedure.back and not behind


def line_for(
    current: Run, line: str, name: str, node: Node, target: Version, back: bool = False
) -> str:
    """The shell command that is about the packages of one node.

    + line: one of its package manager's
    + back: whether it is one of the way back
    """
    manager = distribution(current, node).manager
    names = wanted(node, current.start.roles(name), target)
    packages = [f"{package}{manager.sign}{release(node, target)}" for package in names]
    if target == current.target:
        found = current.dependencies.get(name, ())
        packages += [manager.exactly(it.name, it.after) for it in found]
    return manager.told(line, packages, back)
