"""One simulated node: its power, its disk, its packages, its processes and its connections."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from testbed.sim.common import faults, release

from . import shell
from .daemons import Agent, Server
from .files import Files
from .systemd import Unit

if TYPE_CHECKING:
    from .cluster import Cluster

_PACKAGES = {"servers": "daos-server", "clients": "daos-client"}
SERVER, AGENT = "daos_server.service", "daos_agent.service"
ETC = "/etc/daos"
_BOOT = 30.0  # seconds that a boot takes


@dataclass(frozen=True)
class Flavour:
    """A distribution that a node plays.

    + os: what /etc/os-release and /etc/redhat-release say: ID and VERSION_ID, then the line
    + release: how the builds of packages for it end
    + manager: its package manager, with the folder of its repositories
    """

    name: str
    os: tuple[str, ...]
    release: str
    manager: str
    folder: str


FLAVOURS = {
    it.name: it
    for it in (
        Flavour(
            "el7", ("centos 7", "CentOS Linux release 7.9.2009 (Core)"), "1.el7", "yum",
            "/etc/yum.repos.d",
        ),
        Flavour(
            "el8", ("centos 8", "CentOS Linux release 8.5.2111"), "1.el8", "dnf", "/etc/yum.repos.d"
        ),
        Flavour(
            "el88", ("rocky 8.8", "Rocky Linux release 8.8 (Green Obsidian)"), "1.el8", "dnf",
            "/etc/yum.repos.d",
        ),
        Flavour(
            "el9", ("rocky 9.4", "Rocky Linux release 9.4 (Blue Onyx)"), "1.el9", "dnf",
            "/etc/yum.repos.d",
        ),
        Flavour(
            "leap15", ("opensuse-leap 15.3",), "1.lp153", "zypper", "/etc/zypp/repos.d"
        ),
        Flavour(
            "leap155", ("opensuse-leap 15.5",), "1.lp155", "zypper", "/etc/zypp/repos.d"
        ),
        Flavour(
            "leap156", ("opensuse-leap 15.6",), "1.lp156", "zypper", "/etc/zypp/repos.d"
        ),
    )
}  # fmt: skip


def package_of_dmg(version: str) -> str:
    """The package that dmg and its configuration are in: one of its own since 2.2."""
    return "daos-admin" if release.numbers(version) >= (2, 2, 0) else "daos-client"


def packages_of(roles: Iterable[str], version: str) -> list[str]:
    """The packages of DAOS on a node of these roles."""
    known = {**_PACKAGES, "admins": package_of_dmg(version)}
    return ["daos", *sorted({known[role] for role in roles})]


@dataclass
class Process:
    """A process that a look at the node can see.

    + build: of the package whose files it runs
    + parent: 1 for what systemd has started
    """

    pid: int
    name: str
    uid: int
    build: str
    parent: int = 1


@dataclass
class Application:
    """Somebody's program that has a pool open."""

    pid: int
    name: str
    handle: str
    uid: int = 1001


@dataclass
class Lock:
    """The lock of a run: who holds it, and by which of his connections."""

    who: str
    pid: int
    connection: int


class Told(dict[str, Any]):
    """What the programs of a node were told of; it is noted what they ask for, and when."""

    def __init__(self, node: Node, told: dict[str, Any]) -> None:
        super().__init__(told)
        self._node = node

    def get(self, key: str, default: Any = None) -> Any:
        self._node.asks(key)
        return super().get(key, default)


class Node:
    """A node.

    + name: its host name, and its name in the inventory
    + flavour: the distribution that it plays
    + engines: how many engines it has, of a server
    + boot: the id of its boot; "" while it is down
    + hangs: whether it gives no answer, as a node whose disk or network is gone
    + connection: the number of the last connection that broke or was closed: older ones are dead
    + offset: seconds by which its clock is fast
    + packages: of each package the builds that are installed, two where a transaction was cut
    + fetched: the builds that are in the package manager's cache
    + transaction: the package transaction that runs; None where none does
    + strays: the daemons that no unit has started
    """

    def __init__(
        self,
        name: str,
        roles: Iterable[str],
        version: str = "2.0.1",
        flavour: str = "el8",
        engines: int = 1,
        offset: float = 0.0,
    ) -> None:
        self.name = name
        self.roles = frozenset(roles)
        self.flavour = FLAVOURS[flavour]
        self.offset = offset
        self.files = Files(self)
        self.hangs = False
        self.boot = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name} 1"))
        self.boots = 1
        self.up_since = 0.0
        self.connection = 0
        self.lock: Lock | None = None
        self.transaction: Any = None
        self.applications: list[Application] = []
        self.strays: list[Process] = []
        build = f"{version}-{self.flavour.release}"
        self.packages = {name: [build] for name in packages_of(self.roles, version)}
        self.fetched: set[str] = set()
        self._told: dict[str, Any] = {}
        self.older: dict[str, tuple[int, str, str]] = {}  # what dmg has said before
        self.pids = itertools.count(50 + len(name))
        self.engines = engines if "servers" in self.roles else 0

    def enters(self, cluster: Cluster, number: int) -> None:
        """Become a part of a cluster, with the number of its address there."""
        self.cluster = cluster
        self.address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        self.daemons = {
            AGENT: Agent(self),
            SERVER: Server(self, self.engines),
        }
        self.units = {name: Unit(name, self, daemon) for name, daemon in self.daemons.items()}
        folder = self.flavour.folder
        self.files.write(f"{folder}/site.repo", "[site]\nname=site\nbaseurl=http://site\n")

    def configure(self, texts: Mapping[str, str]) -> None:
        """Write the files of /etc/daos, by their names, and bring all files to the disk."""
        for name, text in texts.items():
            self.files.write(f"{ETC}/{name}", text)
        self.files.sync()

    @property
    def server(self) -> Server:
        """Its daos_server."""
        daemon = self.daemons[SERVER]
        assert isinstance(daemon, Server)
        return daemon

    @property
    def up(self) -> bool:
        """Whether it has power and has booted."""
        return bool(self.boot)

    @property
    def answers(self) -> bool:
        """Whether anything comes from it over the network."""
        return self.up and not self.hangs

    def has(self, package: str) -> bool:
        """Whether any build of a package is installed."""
        return bool(self.packages.get(package))

    @property
    def has_dmg(self) -> bool:
        """Whether dmg is installed."""
        return self.has("daos") and self.has(package_of_dmg(self.version))

    @property
    def build(self) -> str:
        """The build whose files are there: of two, the one that was written last."""
        return self.packages["daos"][-1] if self.has("daos") else ""

    @property
    def version(self) -> str:
        """The release of that."""
        return self.build.partition("-")[0]

    @property
    def time(self) -> float:
        """Its own clock, in seconds since the epoch."""
        return self.cluster.clock.at(self.offset).timestamp()

    @property
    def monotonic(self) -> float:
        """Seconds since its boot."""
        return self.cluster.clock.now - self.up_since + 1000.0

    def faults(self) -> dict[str, Any]:
        """The faults that its programs were told of."""
        text = self.files.read(faults.FILE)
        return Told(self, {**self._told, **json.loads(text)} if text else self._told)

    def asks(self, key: str) -> None:
        """It matters now whether there is a fault of that kind."""
        self.cluster.asked.append((self.cluster.clock.now, self.name, key))

    def tell(self, key: str, value: Any) -> None:
        """Tell its programs of a fault that no lab has; None takes it back."""
        self._told = {name: it for name, it in self._told.items() if name != key}
        if value is not None:
            self._told[key] = value

    def forget_faults(self) -> None:
        """Its programs know of no fault any more; what an engine waited for is there."""
        self._told = {}
        self.files.remove(faults.FILE)
        for engine in self.server.engines:
            engine.goes_on()

    def run(self, command: str, check: bool = True) -> None:
        """Somebody types a command there, and does not wait for its end."""
        shell.run(shell.Session(self, wait=lambda *_: None), command)

    def read(self, path: str) -> str:
        """What a file says; "" where there is none."""
        return self.files.read(path)

    def record(self, program: str, event: str, pid: int = 0, /, **details: Any) -> None:
        """Tell the referee, as a program of this node."""
        self.cluster.record(self.name, program, event, pid, **details)

    def processes(self) -> list[Process]:
        """What runs of DAOS, the daemons and their engines."""
        of_units = [it for daemon in self.daemons.values() for it in daemon.processes()]
        return [*of_units, *self.strays]

    # Power and connections, as a lab's node has them

    def kill(self) -> None:
        """It loses its power."""
        if not self.up:
            return
        self.cluster.note("power-lost", node=self.name)
        self.files.lose()
        self._down()

    def stop(self) -> None:
        """It is shut down in good order."""
        if not self.up:
            return
        self.record("systemd", "shutdown")
        self.files.sync()
        for unit in self.units.values():
            unit.shut_down()
        self._down()

    def start(self) -> None:
        """It gets its power back, and boots."""
        if not self.up:
            self.cluster.clock.later(_BOOT, self._booted)

    def restart(self) -> None:
        """It reboots."""
        self.stop()
        self.start()

    def _down(self) -> None:
        self.boot, self.hangs = "", False
        self.transaction = None
        self.drop_connections()
        self.lock = None
        self.strays = []
        for application in self.applications[:]:
            self.close(application)
        for unit in self.units.values():
            unit.gone()
        self.cluster.management.changed()

    def _booted(self) -> None:
        if self.up:
            return
        self.boots += 1
        self.boot = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.name} {self.boots}"))
        self.up_since = self.cluster.clock.now
        self.files.empty("/run/")
        self.record("systemd", "boot")
        for unit in self.units.values():
            if unit.enabled and not unit.masked:
                unit.start()

    def drop_connections(self) -> None:
        """All connections to it are lost; new ones can be made."""
        self.connection += 1
        if self.lock and not self.hangs:
            self.lock = None

    def hang(self, hangs: bool = True) -> None:
        """It gives no answer from now on, or does again."""
        if hangs is not self.hangs:
            self.cluster.note("silent" if hangs else "answers", node=self.name)
        self.hangs = hangs
        if not hangs and self.lock and self.lock.connection < self.connection:
            self.lock = None
        for engine in self.server.engines if hangs else ():
            engine.missed()
        self.cluster.management.changed()

    # Who uses DAOS

    def open(self, pool: str) -> Application:
        """Somebody's program opens a pool."""
        return self.cluster.management.connected(self, pool)

    def close(self, application: Application) -> None:
        """It ends."""
        self.applications.remove(application)
        self.cluster.management.disconnected(application.handle)
