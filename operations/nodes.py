"""What one node has of DAOS: packages, services, engines and users, read with one command."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from pyinfra.api import FactBase

from . import releases
from .releases import Distribution, Version

SERVER = "daos_server.service"
AGENT = "daos_agent.service"

# Each part of the answer starts with a line "== NAME"; the last one proves that nothing was cut.
_SCRIPT = r"""
for tool in rpm systemctl pgrep findmnt grep ps find hostname; do
    command -v $tool >/dev/null || exit 1
done
echo "== hostname"; uname -n
echo "== addresses"; hostname -I | tr ' ' '\n'
echo "== os"; . /etc/os-release; echo "$ID ${VERSION_ID:-}"
echo "== packages"
rpm -qa --queryformat '%{NAME} %{VERSION}-%{RELEASE} %{SOURCERPM}\n' 'daos' 'daos-*' || exit 1
echo "== services"
systemctl show --property Id,ActiveState,UnitFileState daos_server.service daos_agent.service
echo "== engines"; pgrep -x daos_engine; [ $? -le 1 ] || exit 1
echo "== mounts"; findmnt -rn -t fuse.daos -o TARGET
echo "== processes"
for maps in $(grep -ls '/libdaos\.so' /proc/[0-9]*/maps); do
    pid=${maps#/proc/}; ps -o pid=,user=,comm= -p "${pid%/maps}"
done
echo "== rpmnew"; find /etc/daos -name '*.rpmnew' 2>/dev/null
echo "== end"
"""

# What is built from DAOS's own source; a site's daos-exporter, say, is none of it.
_SOURCE = re.compile(r"daos-\d")

# Part of DAOS itself: that these have libdaos mapped is no use of a pool.
_DAEMONS = {"daos_server", "daos_engine", "daos_agent"}


@dataclass(frozen=True)
class Process:
    """A process of an application that has libdaos mapped."""

    pid: int
    user: str
    command: str

    def __str__(self) -> str:
        return f"{self.command} (pid {self.pid}, user {self.user})"


@dataclass(frozen=True)
class Service:
    """The state of a systemd unit, as `systemctl show` names it.

    + running: whether its daemon runs, or is on its way up or down
    + enabled: whether it starts at boot
    """

    running: bool = False
    enabled: bool = False


@dataclass(frozen=True)
class Node:
    """What a node has of DAOS.

    + hostname: its own short name, by which the management service knows it
    + addresses: its IP addresses, by which it is known where a fault domain is no host name
    + os: ID and VERSION_ID of its /etc/os-release
    + packages: package name to version-release, for all packages of DAOS; to several where an
      interrupted transaction left the old one beside the new
    + services: unit name to its state
    + engines: process ids of daos_engine
    + mounts: mount points of dfuse
    + processes: applications that have libdaos mapped
    + rpmnew: configuration files that an update left for somebody to read
    """

    hostname: str
    os: str
    addresses: tuple[str, ...] = ()
    packages: dict[str, tuple[str, ...]] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    engines: tuple[int, ...] = ()
    mounts: tuple[str, ...] = ()
    processes: tuple[Process, ...] = ()
    rpmnew: tuple[str, ...] = ()

    @property
    def version(self) -> Version | None:
        """The release that is installed; None where there is none, or no single known one."""
        versions = {evr.split("-")[0] for evrs in self.packages.values() for evr in evrs}
        try:
            return Version.parse(versions.pop()) if len(versions) == 1 else None
        except ValueError:
            return None

    @property
    def distribution(self) -> Distribution | None:
        """The distribution, None where no DAOS packages are published for it."""
        os_id, _, os_version = self.os.partition(" ")
        return releases.distribution(os_id, os_version)

    def runs(self, unit: str) -> bool:
        """Whether the daemon of a unit runs, or is on its way up or down."""
        return self.services.get(unit, Service()).running

    @property
    def users(self) -> list[str]:
        """Who uses DAOS on this node, in words: dfuse mounts and applications."""
        mounts = [f"dfuse mounted at {mount}" for mount in self.mounts]
        return mounts + [str(process) for process in self.processes if process.command != "dfuse"]

    @property
    def busy(self) -> list[str]:
        """What runs of DAOS itself, in words: services and engines."""
        services = [unit.removesuffix(".service") for unit in self.services if self.runs(unit)]
        return services + (["daos_engine"] if self.engines else [])


def parse(lines: list[str]) -> Node:
    """Read the answer of a node. Raises ValueError if it is cut short or not understood."""
    parts: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("== "):
            part = parts.setdefault(line[3:], [])
        elif line.strip():
            part.append(line.strip())
    if "end" not in parts or not parts["os"]:
        raise ValueError("the node's answer is not complete")
    services = dict(_services(parts["services"]))
    if set(services) != {SERVER, AGENT}:
        raise ValueError("systemd says nothing about " + ", ".join({SERVER, AGENT} - set(services)))
    return Node(
        hostname=parts["hostname"][0].split(".")[0],
        os=parts["os"][0],
        addresses=tuple(parts["addresses"]),
        packages=_packages(parts["packages"]),
        services=services,
        engines=tuple(map(int, parts["engines"])),
        # findmnt -r writes a blank in a name as \x20
        mounts=tuple(mount.replace(r"\x20", " ") for mount in parts["mounts"]),
        processes=tuple(_processes(parts["processes"])),
        rpmnew=tuple(parts["rpmnew"]),
    )


def _packages(lines: list[str]) -> dict[str, tuple[str, ...]]:
    packages: dict[str, tuple[str, ...]] = {}
    for line in lines:
        name, evr, source = line.split()
        if _SOURCE.match(source):
            packages[name] = (*packages.get(name, ()), evr)
    return packages


def _services(lines: list[str]) -> Iterator[tuple[str, Service]]:
    unit: dict[str, str] = {}
    for line in [*lines, "Id="]:
        key, _, value = line.partition("=")
        if key == "Id" and "Id" in unit:
            active = unit.get("ActiveState", "")
            yield (
                unit["Id"],
                Service(
                    running=active not in ("inactive", "failed"),
                    enabled=unit.get("UnitFileState", "").startswith("enabled"),
                ),
            )
            unit = {}
        unit[key] = value


def _processes(lines: list[str]) -> Iterator[Process]:
    for line in lines:
        pid, user, command = line.split(None, 2)
        if command not in _DAEMONS:
            yield Process(int(pid), user, command)


class DaosNode(FactBase[Node | None]):
    """What the node has of DAOS (`Node`); None if it gave no answer that can be trusted."""

    @staticmethod
    def default() -> None:
        """No answer is not a good answer: nothing is assumed about the node."""
        return

    def command(self) -> str:
        """The command whose answer `parse` reads."""
        return f"sh -c {shlex.quote(_SCRIPT)}"

    def process(self, output: list[str]) -> Node | None:
        """Read the answer; None if it is not complete."""
        try:
            return parse(output)
        except (ValueError, KeyError, IndexError):
            return None
