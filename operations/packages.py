"""The packages: fetched and checked while DAOS serves, then installed in one transaction a node.

yum, dnf and zypper; only options that the yum of CentOS 7 has as well.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from io import StringIO

from pyinfra.api import Host
from pyinfra.operations import files

from .daos import releases
from .daos.node import Node
from .daos.platforms import Distribution
from .daos.releases import Version
from .machinery import hosts
from .machinery.hosts import DaosNode
from .machinery.run import Run
from .machinery.settings import Settings
from .machinery.step import Command, step, verify
from .rules import gates
from .rules.findings import Finding
from .rules.view import ROLES, View

REPOSITORY = "daos-offline-update"
FOLDERS = {
    "yum": "/etc/yum.repos.d",
    "dnf": "/etc/yum.repos.d",
    "zypper": "/etc/zypp/repos.d",
}

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
_STRICT = {"yum": "", "dnf": "", "zypper": "type=rpm-md\npkg_gpgcheck=1\n"}


def definition(
    current: Run, takes: Distribution, node: Node, name: str = REPOSITORY, later: bool = False
) -> str:
    """The repository of the target release for a node, as a .repo file defines it.

    On the way back from another series the one of the release that is left is there, too: for an
    operating system that was updated with DAOS, it alone has what the older release depends on
    (compat-hwloc1, of hwloc 1.11).

    + later: whether that other one is enabled for whatever the package manager is told
    """
    settings, left = current.settings, node.newest
    text = _section(settings, takes, name, settings.target.series, enabled=True)
    if current.back and left and left.series != settings.target.series:
        text += "\n" + _section(settings, takes, f"{name}-later", left.series, enabled=later)
    return text


def _section(settings: Settings, takes: Distribution, name: str, series: str, enabled: bool) -> str:
    site = settings.repositories[takes.name]
    baseurl = site.baseurl.format(series=series)
    text = _REPOSITORY.format(name=name, baseurl=baseurl, key=site.key, enabled=int(enabled))
    return text + _STRICT[takes.manager]


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
    "yum": "yum -y -C --setopt=keepcache=1 install {packages}",
    "dnf": "dnf -y -C --setopt=keepcache=1 install {packages}",
    # 102, 103 and 106 say that it is done, and that a reboot or another repository is wanted.
    "zypper": "ZYPP_LOCK_TIMEOUT=60 zypper --non-interactive --no-refresh install {packages}"
    " || case $? in 102|103|106) ;; *) false ;; esac",
}

# The way back, while no engine has run on the release that is to be left again.
_BOTH = f"--enablerepo='{REPOSITORY}*'"
_FETCH_BACK = {
    "yum": "yum -y -q clean expire-cache"
    f" && yum -y {_BOTH} --setopt=keepcache=1 downgrade --downloadonly {{packages}}",
    "dnf": f"dnf -y {_BOTH} --refresh --setopt=keepcache=1 downgrade --downloadonly {{packages}}",
    "zypper": "zypper --non-interactive refresh daos-offline-update"
    " && zypper --non-interactive install --oldpackage --download-only {packages}",
}
# From half the way to the release that is left: its packages may have been fetched under the name
# of the one repository, and are in the other by now.
_FINISH = {
    "yum": f"yum -y {_BOTH} --setopt=keepcache=1 install {{packages}}",
    "dnf": f"dnf -y {_BOTH} --setopt=keepcache=1 install {{packages}}",
    "zypper": _UPDATE["zypper"],
}
_RETURN = {
    "yum": f"yum -y -C {_BOTH} --setopt=keepcache=1 downgrade {{packages}}",
    "dnf": f"dnf -y -C {_BOTH} --setopt=keepcache=1 downgrade {{packages}}",
    "zypper": "ZYPP_LOCK_TIMEOUT=60 zypper --non-interactive --no-refresh install --oldpackage"
    " {packages} || case $? in 102|103|106) ;; *) false ;; esac",
}

# With the operating system in the same transaction, for a node whose own the target does not
# support. Where an older DAOS needs a library that only the old system has (hwloc 1.11 of CentOS
# 8.3), neither of the two can be updated alone. `update` alone would take the newest DAOS there is,
# so the shell of yum and dnf is told both. It exits 0 whatever happens.
_WITH_OS = """\
script=$(mktemp) && printf 'install %s\\nupdate\\nrun\\n' "{{packages}}" > $script
LC_ALL=C {manager} -y {option} --setopt=keepcache=1 shell $script 2>&1 | tee $script.log
{see}
code=$?
rm -f $script $script.log
(exit $code)
"""
_DOWNLOADED = "! grep -q ^Error $script.log"
_INSTALLED = "rpm -q {packages} > /dev/null"
_FETCH_WITH_OS = {
    manager: f"({_FETCH[manager]}) && (\n"
    + _WITH_OS.format(manager=manager, option="--downloadonly", see=_DOWNLOADED)
    + ")"
    for manager in ("yum", "dnf")
}
_UPDATE_WITH_OS = {
    manager: _WITH_OS.format(manager=manager, option="-C", see=_INSTALLED)
    for manager in ("yum", "dnf")
}

# A transaction that was cut short leaves the old package beside the new one, whose files have all
# been written by then: only the old one's entry is left to be erased.
_ERASE_OLD = (
    "old=$(rpm -q --queryformat '%{{NAME}}-%{{VERSION}}-%{{RELEASE}}.%{{ARCH}} %{{VERSION}}\n'"
    " {names} | awk '$2 != \"{target}\" {{print $1}}')"
    ' && if [ -n "$old" ]; then rpm -e $old; fi'
)

# Into a file, not into the connection: were that to break, the package manager would die of its
# next line in the middle of the transaction.
_LOG = "/var/log/daos-offline-update.log"
_DETACHED = "({line}) > {log} 2>&1 < /dev/null; code=$?; tail -n 12 {log}; exit $code"

_SIGN = {"yum": "-", "dnf": "-", "zypper": "="}  # between name and version


NOT_HAD = (
    "the packages of the target cannot be had. See that the repository holds them, and signed "
    "(target_release and repositories in group_data/all.py), then type the same command again"
)


def wanted(node: Node, roles: list[str], target: Version) -> list[str]:
    """The packages to have at the target: those of the node's roles, and all of DAOS it has now."""
    return sorted({releases.package(role, target) for role in roles} | set(node.packages))


def distribution(current: Run, node: Node) -> Distribution:
    """The distribution whose packages a node takes; that it has one was examined."""
    found = current.settings.distribution(node.os)
    assert found
    return found


def line_for(current: Run, lines: Mapping[str, str], name: str, node: Node, target: Version) -> str:
    """The shell command, by package manager, that is about the packages of one node.

    + lines: package manager to its command, with {packages} in it
    """
    manager = distribution(current, node).manager
    roles = current.start.roles(name)
    names = [f"{package}{_SIGN[manager]}{target}" for package in wanted(node, roles, target)]
    return lines[manager].format(packages=" ".join(names))


def _transaction(
    current: Run, lines: Mapping[str, str], name: str, node: Node, target: Version
) -> str:
    """The shell command that brings a node to exactly the target, also from half the way."""
    packages = wanted(node, current.start.roles(name), target)
    erase = _ERASE_OLD.format(names=" ".join(packages), target=target)
    line = f"({line_for(current, lines, name, node, target)}) && {erase}"
    return _DETACHED.format(line=line, log=_LOG)


def _outdated(current: Run, name: str, node: Node) -> bool:
    return node.version != current.settings.target


@step(*ROLES, need=_outdated, prepares=True)
def repository(current: Run, here: Host) -> Iterator[Command]:
    """Set up the repository of the target release on a node that is not at the target.

    Source: "Set up the new DAOS repository" (DAOS 2.0, offline update).
    """
    node = current.look().node(here.name)
    takes = distribution(current, node)
    key = current.settings.repositories[takes.name].key
    line = f"rpm --import {shlex.quote(key)}"
    yield verify(
        current, lambda: _fails(current, here, line, NOT_HAD), code="packages-not-available"
    )
    yield from files.put._inner(
        src=StringIO(definition(current, takes, node)),
        dest=f"{FOLDERS[takes.manager]}/{REPOSITORY}.repo",
        mode="0644",
    )


@step(*ROLES, need=_outdated, prepares=True)
def fetched(current: Run, here: Host) -> Iterator[Command]:
    """Download the packages of the target with all that they depend on, and check them.

    The package manager itself resolves; nothing is installed, and DAOS goes on serving.
    """
    node = current.look().node(here.name)
    lines = _FETCH_BACK if current.back else _FETCH
    if here.name in current.os_updates:
        lines = _FETCH_WITH_OS
    line = line_for(current, lines, here.name, node, current.settings.target)
    yield verify(
        current,
        lambda: _fails(current, here, line, NOT_HAD),
        code="packages-not-available",
    )


def _may_update(current: Run, view: View) -> list[Finding]:
    target = current.settings.target
    path = current.judge_needed(view) + gates.held(view, current.concerned)
    if current.opens_window:
        return path + gates.quiet(view)
    # A client that was left out before follows the servers, which are there already.
    return path + gates.quiet(view, current.concerned) + gates.at_target(view, "servers", target)


@step(*ROLES, need=_outdated, gate=_may_update)
def updated(current: Run, here: Host) -> Iterator[Command]:
    """Install exactly the target release, in one transaction a node, whatever its roles (R4).

    Source: "perform the RPM update to the new DAOS fix level" (DAOS 2.0, offline update).
    """
    node = current.look().node(here.name)
    lines = _UPDATE_WITH_OS if here.name in current.os_updates else _UPDATE
    yield from _change(current, here, lines, node, current.settings.target)
    yield verify(current, lambda: _not_at_target(current, here))


@step(*ROLES, need=_outdated, gate=_may_update)
def returned(current: Run, here: Host) -> Iterator[Command]:
    """Install exactly the release of before again, in one transaction a node (R4, R12).

    Source: "it is not possible to downgrade" once an engine has started (DAOS 2.0); before that
    the packages are nothing but packages.
    """
    node = current.look().node(here.name)
    newest = node.newest
    if node.version is None and newest:  # from half the way there is only one whole state: forward
        yield from _change(current, here, _FINISH, node, newest)
        # To half of a node there was nothing to fetch: what it goes back to was still installed.
        line = line_for(current, _FETCH_BACK, here.name, node, current.settings.target)
        yield verify(current, lambda: _fails(current, here, line, NOT_HAD))
    yield from _change(current, here, _RETURN, node, current.settings.target)
    yield verify(current, lambda: _not_at_target(current, here))


def _change(
    current: Run, here: Host, lines: dict[str, str], node: Node, target: Version
) -> Iterator[Command]:
    line = _transaction(current, lines, here.name, node, target)
    typed = line_for(current, lines, here.name, node, target)
    what = f"the package transaction failed, all of it is in {_LOG} there"
    yield verify(current, lambda: _fails(current, here, line, what, typed))


def _fails(current: Run, here: Host, line: str, what: str, typed: str | None = None) -> str | None:
    """Run a line on a node; None if that went well, else what it said.

    + what: what it means if the line fails
    + typed: what somebody who wants to see it again would type, where that is shorter
    """
    timeout = current.settings.timeouts["packages"]
    done, output, errors = hosts.command(current.state, here, line, timeout)
    if done:
        return None
    said = "\n".join(f"    {text}" for text in (output + "\n" + errors).strip().splitlines()[-12:])
    return f"{what}.\n    $ {typed or line}\n{said}"


def _not_at_target(current: Run, here: Host) -> str | None:
    after = hosts.ask(current.state, here, DaosNode)
    if after is None or after.version != current.settings.target:
        return f"{after.version if after else 'an unknown release'} is installed after the update"
    for path in after.rpmnew:
        current.rpmnew.setdefault(here.name, []).append(path)
    return None
