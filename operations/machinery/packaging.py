"""What the package manager of a node is told in a run: its repository, and its packages. No I/O."""

import re
import shlex
from collections.abc import Collection, Iterable

from ..daos import releases
from ..daos.node import Node
from ..daos.package_managers import REPOSITORY
from ..daos.platforms import Distribution
from ..daos.releases import Version
from .run import Run
from .settings import Settings

# Not pyinfra's own repository operations: they cannot say pkg_gpgcheck, without which zypper takes
# an unsigned package from a repository whose metadata is signed (seen on zypper 1.14).
_REPOSITORY = """\
[{name}]
name=DAOS
baseurl={baseurl}
enabled={enabled}
gpgcheck=1
gpgkey={key}
"""


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
    text = _REPOSITORY.format(name=name, baseurl=baseurl, key=site.key, enabled=int(enabled))
    return text + takes.manager.defined


NOT_HAD = (
    "the packages of the target cannot be had. See that the repository holds them, and signed "
    "(target_release and repositories in group_data/all.py), then type the same command again"
)


def wanted(node: Node, roles: list[str], target: Version) -> list[str]:
    """The packages to have at the target: those of the node's roles, and all of DAOS it has now."""
    return sorted({releases.package(role, target) for role in roles} | set(node.packages))


def others(node: Node, names: Iterable[str], target: Version) -> list[str]:
    """In words, each package of DAOS that is not there in exactly the target release.

    + names: those that have to be there; what is there besides counts as well
    """
    found = []
    for name in sorted({*names, *node.packages}):
        evrs = node.packages.get(name, ())
        if [evr.split("-")[0] for evr in evrs] != [str(target)]:
            found.append(f"{name} is {' and '.join(evrs)}" if evrs else f"{name} is missing")
    return found


# rpm itself reads the key, subkeys and all, into a database of its own.
_KEYS = """\
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
rpm --dbpath "$folder" --initdb && rpm --dbpath "$folder" --import {key} &&
rpm --dbpath "$folder" -q --provides gpg-pubkey"""
# "gpg(f4a80eb5) = 4:24c6a8a7f4a80eb5-53a7ff4b"; the rpm of CentOS 7 has no more of it than that.
_KEY = re.compile(r" = \d+:([0-9a-f]{16})-")


def keys_line(current: Run, node: Node) -> str:
    """The shell command that tells the keys that the site has named for a node's repository."""
    key = current.settings.repositories[distribution(current, node).name].key
    return _KEYS.format(key=shlex.quote(key))


def keys(output: str) -> frozenset[str]:
    """The ids of the keys, as that command answers."""
    return frozenset(_KEY.findall(output))


def foreign(current: Run, node: Node, trusted: Collection[str]) -> str | None:
    """What is wrong with packages of DAOS that are not signed by these keys; None where all are.

    + trusted: the ids of the keys that the site has named for the node's repository
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


def distribution(current: Run, node: Node) -> Distribution:
    """The distribution whose packages a node takes; that it has one was examined."""
    found = current.settings.distribution(node.os)
    assert found
    return found


def line_for(
    current: Run, line: str, name: str, node: Node, target: Version, back: bool = False
) -> str:
    """The shell command that is about the packages of one node.

    + line: one of its package manager's
    + back: whether it is one of the way back
    """
    names = wanted(node, current.start.roles(name), target)
    return distribution(current, node).manager.told(line, names, target, back)
