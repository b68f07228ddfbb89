"""The packages: fetched and checked while DAOS serves, then installed in one transaction a node.

yum, dnf and zypper; only options that the yum of CentOS 7 has as well.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from io import StringIO

from pyinfra.api import Host
from pyinfra.operations import files

from . import cluster, gates, releases
from .cluster import View
from .findings import Finding
from .nodes import DaosNode, Node
from .releases import Version
from .run import Run
from .step import Command, step, verify

_FOLDERS = {
    "yum": "/etc/yum.repos.d",
    "dnf": "/etc/yum.repos.d",
    "zypper": "/etc/zypp/repos.d",
}

# Not pyinfra's own repository operations: they cannot say pkg_gpgcheck, without which zypper takes
# an unsigned package from a repository whose metadata is signed (seen on zypper 1.14).
_REPOSITORY = """\
[daos-offline-update]
name=DAOS
baseurl={baseurl}
enabled=1
gpgcheck=1
gpgkey={key}
"""
_STRICT = {"yum": "", "dnf": "", "zypper": "type=rpm-md\npkg_gpgcheck=1\n"}

# What is downloaded is checked against the signing key right away, not in the window.
_FETCH = {
    "yum": "yum -y -q clean expire-cache"
    " && yum -y --setopt=keepcache=1 install --downloadonly {packages}",
    "dnf": "dnf -y --refresh --setopt=keepcache=1 install --downloadonly {packages}",
    "zypper": "zypper --non-interactive refresh daos-offline-update"
    " && zypper --non-interactive install --download-only {packages}",
}

# Inside the window: nothing but the transaction, from what was fetched.
_UPDATE = {
    "yum": "yum -y -C install {packages}",
    "dnf": "dnf -y -C install {packages}",
    # 102, 103 and 106 say that it is done, and that a reboot or another repository is wanted.
    "zypper": "ZYPP_LOCK_TIMEOUT=60 zypper --non-interactive --no-refresh install {packages}"
    " || case $? in 102|103|106) ;; *) false ;; esac",
}

_SIGN = {"yum": "-", "dnf": "-", "zypper": "="}  # between name and version


_NOT_HAD = (
    "the packages of the target cannot be had. See that the repository holds them, and signed "
    "(target_release and repositories in group_data/all.py), then type the same command again"
)


def wanted(node: Node, roles: list[str], target: Version) -> list[str]:
    """The packages to have at the target: those of the node's roles, and all of DAOS it has now."""
    return sorted({releases.package(role, target) for role in roles} | set(node.packages))


def _line(lines: dict[str, str], node: Node, roles: list[str], target: Version) -> str:
    assert node.distribution  # examined before
    manager = node.distribution.manager
    names = [f"{name}{_SIGN[manager]}{target}" for name in wanted(node, roles, target)]
    return lines[manager].format(packages=" ".join(names))


def _outdated(current: Run, name: str, node: Node) -> bool:
    return node.version != current.settings.target


@step(*cluster.ROLES, need=_outdated, prepares=True)
def repository(current: Run, here: Host) -> Iterator[Command]:
    """Set up the repository of the target release on a node that is not at the target.

    Source: "Set up the new DAOS repository" (DAOS 2.0, offline update).
    """
    distribution = current.look().node(here.name).distribution
    assert distribution  # examined before
    settings = current.settings.repositories[distribution.name]
    baseurl = settings["baseurl"].format(series=current.settings.target.series)
    text = _REPOSITORY.format(baseurl=baseurl, key=settings["key"])
    line = f"rpm --import {shlex.quote(settings['key'])}"
    yield verify(
        current, lambda: _fails(current, here, line, _NOT_HAD), code="packages-not-available"
    )
    yield from files.put._inner(
        src=StringIO(text + _STRICT[distribution.manager]),
        dest=f"{_FOLDERS[distribution.manager]}/daos-offline-update.repo",
        mode="0644",
    )


@step(*cluster.ROLES, need=_outdated, prepares=True)
def fetched(current: Run, here: Host) -> Iterator[Command]:
    """Download the packages of the target with all that they depend on, and check them.

    The package manager itself resolves; nothing is installed, and DAOS goes on serving.
    """
    node = current.look().node(here.name)
    line = _line(_FETCH, node, current.start.roles(here.name), current.settings.target)
    yield verify(
        current,
        lambda: _fails(current, here, line, _NOT_HAD),
        code="packages-not-available",
    )


def _may_update(current: Run, view: View) -> list[Finding]:
    return gates.quiet(view)


@step(*cluster.ROLES, need=_outdated, gate=_may_update)
def updated(current: Run, here: Host) -> Iterator[Command]:
    """Install exactly the target release, in one transaction a node, whatever its roles (R4).

    Source: "perform the RPM update to the new DAOS fix level" (DAOS 2.0, offline update).
    """
    node = current.look().node(here.name)
    line = _line(_UPDATE, node, current.start.roles(here.name), current.settings.target)
    yield verify(current, lambda: _fails(current, here, line, "the package transaction failed"))
    yield verify(current, lambda: _not_at_target(current, here))


def _fails(current: Run, here: Host, line: str, what: str) -> str | None:
    timeout = current.settings.timeouts["packages"]
    done, output, errors = cluster.command(current.state, here, line, timeout)
    if done:
        return None
    said = "\n".join(f"    {text}" for text in (output + "\n" + errors).strip().splitlines()[-12:])
    return f"{what}.\n    $ {line}\n{said}"


def _not_at_target(current: Run, here: Host) -> str | None:
    after = cluster.ask(current.state, here, DaosNode)
    if after is None or after.version != current.settings.target:
        return f"{after.version if after else 'an unknown release'} is installed after the update"
    for path in after.rpmnew:
        current.rpmnew.setdefault(here.name, []).append(path)
    return None
