"""What one node has of DAOS: packages, services, engines and users, read with one command."""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

from . import mount_points, platforms, processes, start_trace, units
from .names import word
from .processes import Daemon, Process
from .releases import Version
from .shown import in_line
from .units import USUAL, Units
from .window_file import Record

SERVER, AGENT = units.SERVER, units.AGENT

# Each part of the answer starts with a line "== NAME"; the last one proves that nothing was cut.
# It is run on every node before every step, mostly inside the offline window: what the shell can do
# by itself starts no process. It is sent without its comments and indentation, a quarter of it.
SCRIPT = re.sub(r"(?m)^ *(#.*\n)?", "", Path(__file__).with_suffix(".sh").read_text("utf-8"))
_FIRST, _LAST = "== hostname", "== end"


def script(names: Units = USUAL, stuck: Iterable[str] = ()) -> str:
    """The script, for nodes on which the daemons' units have these names.

    + stuck: processes of the node that have let nobody look at them until now, see `Node.stuck`
    """
    known = (
        f"server={shlex.quote(names.server)} agent={shlex.quote(names.agent)} "
        f"stuck={shlex.quote(' '.join(stuck))}"
    )
    return f"{known}\n{SCRIPT}"


# What is built from DAOS's own source; a site's daos-exporter, say, is none of it.
_SOURCE = re.compile(r"daos-\d")

_LOCKER = re.compile(r"process (\d+)")  # see lock.py
_ARGV = re.compile(r"argv\[\]=(.*?) ; ignore_errors=")

# "RSA/SHA256, Tue Mar 1 10:00:00 2022, Key ID 24c6a8a7f4a80eb5"
_KEY = re.compile(r"Key ID ([0-9a-f]+)$")

# How package managers are started, which says nothing, and what of them changes nothing.
_INTERPRETER = re.compile(r"^\S*python\S*\s+(-\S+\s+)*")
_ASKS_ONLY = re.compile(r"^(\S*/)?rpm (-[qV]|--(query|verify|eval|showrc|version)\b)")


@dataclass(frozen=True)
class Service:
    """The state of a systemd unit, as `systemctl show` names it.

    + running: whether its daemon runs, or is on its way up or down
    + on_its_way: whether it is that, as one that has failed and is going to be started again
    + state: one word for what its unit file is to systemd, see units.py
    + started: when its daemon was last started since the node's boot, in seconds of that boot's
      clock; 0 if never
    + pid: of its main process; 0 where it has none
    + cgroup: its control group; "" where it has none, or the node has no control groups
    + user: as whom it runs; "" for root
    + command: what starts it, word by word; empty where systemd does not say
    + pullers: what starts it also once it is disabled: other units, links that stay
    """

    running: bool = False
    on_its_way: bool = False
    state: str = "disabled"
    started: float = 0.0
    pid: int = 0
    cgroup: str = ""
    user: str = ""
    command: tuple[str, ...] = ()
    pullers: tuple[str, ...] = ()

    @property
    def enabled(self) -> bool:
        """Whether it starts at boot, and can be kept from that."""
        return units.meaning(self.state).at_boot


@dataclass(frozen=True)
class Node:
    """What a node has of DAOS.

    + hostname: its own short name, by which the management service knows it
    + addresses: its IP addresses, by which it is known where a fault domain is no host name
    + itself: what no other node has all of: its full name, the ID of its boot, its addresses
    + os: its operating system by ID and version, with the minor: "rhel 8.5", "centos 7.9"
    + packages: package name to version-release, for all packages of DAOS; to several where an
      interrupted transaction left the old one beside the new
    + signers: package name to the ids of the keys that these were signed with, "" for none
    + units: what the two units are called there
    + services: these units, by the names that DAOS gives them, each with its state
    + beside: DAOS's own units, with their states, where others are in their place
    + daemons: the processes of DAOS itself
    + engines: process ids of daos_engine among them, whoever has started them
    + replaced: the units whose programs have been replaced on disk since their daemons started
    + strays: daemons that neither unit has started: somebody by hand, another unit, a container
    + namesakes: processes that have the name of a daemon and are none: an ordinary user's
    + mounts: mount points of dfuse
    + memory: mount points of engines' storage that is in memory, which a reboot empties
    + processes: applications that have libdaos mapped
    + stuck: processes that let nobody look at what they have mapped, each with when it has started:
      "4711:8800815"; in `processes` they are, too, since they may use DAOS
    + dfuses: processes of dfuse, with their command lines
    + space: mount point to what is free there in MiB, for all that packages are written to
    + read_only: the folders that an update writes to, and nobody can
    + managers: package managers that are at work
    + rpmnew: configuration files that an update left for somebody to read
    + record: what an update that is under way remembers on the node, None if none is
    + mended: whether that was lost there, and is what the servers have kept of it
    + starts: what was installed whenever daos_server was started since the update began, as the
      unit itself has written it down
    + traced: whether that is all, and the next start will be written down, too
    + untraceable: why a start cannot be written down there, and what to do; "" where it can
    + held_for: how many seconds ago the update began to write starts down, by the node's own clock;
      None where it does not
    + lock: who runs an update of this system right now, as it says itself; "" if nobody does
    + locker: the id of the process there that ends with that run; 0 where it is not known
    """

    hostname: str
    os: str
    itself: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    packages: dict[str, tuple[str, ...]] = field(default_factory=dict)
    signers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    units: Units = USUAL
    services: dict[str, Service] = field(default_factory=dict)
    beside: dict[str, Service] = field(default_factory=dict)
    daemons: tuple[Daemon, ...] = ()
    engines: tuple[int, ...] = ()
    replaced: tuple[str, ...] = ()
    strays: tuple[Daemon, ...] = ()
    namesakes: tuple[Daemon, ...] = ()
    mounts: tuple[str, ...] = ()
    memory: tuple[str, ...] = ()
    processes: tuple[Process, ...] = ()
    stuck: tuple[str, ...] = ()
    dfuses: tuple[Process, ...] = ()
    space: dict[str, int] = field(default_factory=dict)
    read_only: tuple[str, ...] = ()
    managers: tuple[Process, ...] = ()
    rpmnew: tuple[str, ...] = ()
    record: Record | None = None
    mended: bool = False
    starts: tuple[str, ...] = ()
    traced: bool = False
    untraceable: str = ""
    held_for: float | None = None
    lock: str = ""
    locker: int = 0

    @property
    def _evrs(self) -> set[str]:
        """The version and release of each package: "2.0.3-5.el8"."""
        return {evr for evrs in self.packages.values() for evr in evrs}

    @property
    def _releases(self) -> set[Version]:
        """The releases of its packages; none where one of them is unknown."""
        return _versions(evr.split("-")[0] for evr in self._evrs)

    @property
    def _builds(self) -> set[Version]:
        """The same with the builds."""
        return _versions(self._evrs)

    @cached_property
    def version(self) -> Version | None:
        """The release that is installed; None where there is none, or no single known one."""
        releases = self._releases
        return releases.pop() if len(releases) == 1 else None

    @cached_property
    def build(self) -> Version | None:
        """The same with the build; None as well where the builds of its packages differ."""
        builds = self._builds
        return builds.pop() if len(builds) == 1 else None

    def at(self, target: Version) -> bool:
        """Whether this release is installed, and no other; a build counts where one is named."""
        known = self.like(target)
        return known is not None and known.same_as(target)

    def like(self, other: Version) -> Version | None:
        """The release that is installed, as another one is named: with its build or without."""
        return self.build if other.build else self.version

    def was(self, release: str) -> bool:
        """Whether this release, as it was remembered, is installed: "2.0.1", or "2.0.3-5"."""
        try:
            return self.at(Version.parse(release))
        except ValueError:
            return False

    def remembered_as(self, target: Version | None) -> str:
        """Its release, to go back to; for a hot fix the build is what tells it. "" for none."""
        is_hot_fix = target is not None and target.build and self.version == target.level
        return self.written(by_build=bool(is_hot_fix))

    def written(self, by_build: bool) -> str:
        """Its release as it is written down, with the build where that tells it. "" for none."""
        build = self.build if by_build else None
        return str(build.everywhere if build else self.version or "")

    def half(self, target: Version) -> bool:
        """Whether it is half the way to a target: of no single release, or of two builds."""
        twice = any(len(evrs) > 1 for evrs in self.packages.values())
        return self.version is None or bool(target.build and twice)

    @property
    def builds(self) -> str:
        """The builds of its packages, a hot fix being another one: "2.0.3-5.el8"."""
        return " and ".join(sorted(self._evrs))

    @property
    def newest(self) -> Version | None:
        """The highest release of any package; None where there is none, or an unknown one."""
        return max(self._releases, default=None)

    @property
    def highest(self) -> Version | None:
        """The highest build of any package; None where one of them is unknown."""
        builds = self._builds
        return next((it for it in builds if not any(it.lower_than(o) for o in builds)), None)

    def runs(self, unit: str) -> bool:
        """Whether the daemon of a unit runs, or is on its way up or down."""
        return self.services.get(unit, Service()).running

    def serves(self, unit: str) -> bool:
        """Whether the daemon of a unit runs, and is not on its way up or down."""
        return self.runs(unit) and not self.services[unit].on_its_way

    def at_boot(self, unit: str) -> bool:
        """Whether the site has a unit start at boot; during an update it is remembered only."""
        return self.services[unit].enabled or (
            self.record is not None and unit in self.record.enabled
        )

    @property
    def enabled(self) -> list[str]:
        """The units that start at boot right now."""
        return [unit for unit, service in self.services.items() if service.enabled]

    @property
    def pulled(self) -> dict[str, str]:
        """The units that start though those in `services` are disabled, and what is wrong there.

        Something else starts them, or they are DAOS's own beside the site's.
        """
        own = {self.units[unit]: service for unit, service in self.services.items()}
        found = {unit: units.pulled(it.pullers) for unit, it in {**own, **self.beside}.items()}
        for unit, service in self.beside.items():
            if service.enabled:
                found[unit] = units.doubled(unit, self.units[unit])
        return {unit: why.format(unit=unit) for unit, why in found.items() if why}

    @property
    def unseen(self) -> bool:
        """Whether daos_server may have been started without a trace since the update began.

        Not so where it runs on the release of before, as it did then.
        """
        if self.record is None or self.traced:
            return False
        return not (self.runs(SERVER) and self.was(self.record.release))

    @property
    def outlived(self) -> list[str]:
        """The daemons that run since before the packages were installed: of another release."""
        return [unit for unit in self.services if self.runs(unit) and unit in self.replaced]

    @property
    def users(self) -> list[str]:
        """Who uses DAOS on this node, in words: dfuse mounts and applications."""
        dfuses = {dfuse.pid for dfuse in self.dfuses}
        return [
            *(_mounted(mount, self.dfuses) for mount in self.mounts),
            *(f"{dfuse}, mounted where it cannot be seen" for dfuse in self._hidden),
            *(str(process) for process in self.processes if process.pid not in dfuses),
        ]

    @property
    def _hidden(self) -> list[Process]:
        """The dfuse processes whose mount is in a mount namespace of its own."""
        if len(self.dfuses) <= len(self.mounts):
            return []
        return [dfuse for dfuse in self.dfuses if not _serves(dfuse, self.mounts)]

    @property
    def busy(self) -> list[str]:
        """What runs of DAOS itself, in words: services and engines."""
        services = [unit.removesuffix(".service") for unit in self.services if self.runs(unit)]
        return services + (["daos_engine"] if self.engines else [])


def _versions(texts: Iterable[str]) -> set[Version]:
    """These releases or builds; none where one of them is unknown."""
    try:
        return set(map(Version.parse, texts))
    except ValueError:
        return set()


def parse(lines: list[str], names: Units = USUAL) -> Node:
    """Read the answer of a node; what a login script prints before or after it is none of it.

    + names: what the script was given
    Raises ValueError if it is cut short or not understood.
    """
    return Listener().hears(lines, names)


class Listener:
    """Reads the answers of one node, one after the other.

    While nothing has changed there, it is the same Node: most looks at thousands of them find what
    the one before has found.

    + node: what it has said last; None until then
    """

    def __init__(self) -> None:
        self.node: Node | None = None
        self._heard: tuple[Units, bytes] | None = None

    def hears(self, lines: list[str], names: Units) -> Node:
        """The next answer; arguments and errors as of `parse`."""
        parts = _parts(lines)
        try:
            held = parts["held"]  # with the time of the day
            heard = names, _digest({**parts, "held": []})
            if self.node is None or heard != self._heard:
                self.node = _node(parts, names)
                self._heard = heard
            elif (age := _age(held)) != self.node.held_for:
                self.node = replace(self.node, held_for=age)
        except LookupError as problem:
            raise ValueError(f"the node's answer is not complete: no {problem}") from problem
        return self.node


def _digest(parts: Mapping[str, list[str]]) -> bytes:
    told = "\n".join(line for name, part in parts.items() for line in (f"== {name}", *part))
    return blake2b(told.encode(errors="surrogatepass"), digest_size=16).digest()


def _parts(lines: list[str]) -> dict[str, list[str]]:
    """The parts of an answer by their names, from the first to the last."""
    if _FIRST not in lines or _LAST not in lines:
        raise ValueError("the node's answer is not complete")
    begin = lines.index(_FIRST)
    parts: dict[str, list[str]] = {}
    for line in lines[begin : lines.index(_LAST, begin)]:
        if line.startswith("== "):
            part = parts.setdefault(line[3:], [])
        elif line.strip():
            part.append(line.strip())
    return parts


def _node(parts: dict[str, list[str]], names: Units) -> Node:
    shown = _units(parts["services"], (names.server, names.agent, *names.beside))
    known = dict(_services(shown, parts["links"]))
    services = {unit: known[names[unit]] for unit in (SERVER, AGENT)}
    server = shown[names.server]
    starts = start_trace.read(parts["starts"])
    found = processes.read(parts, names, services)
    named, *release = parts["os"]  # ID and VERSION_ID, the line of /etc/redhat-release
    os_id, _, version = named.partition(" ")
    return Node(
        hostname=parts["hostname"][0].split(".")[0],
        itself=(*parts["hostname"], *parts["boot"], *_words(parts["addresses"])),
        os=platforms.system(os_id, version, "".join(release[:1])),
        addresses=tuple(_words(parts["addresses"])),
        packages=_packages(parts["packages"], _evr),
        signers=_packages(parts["packages"], _signer),
        units=names,
        services=services,
        beside={unit: known[unit] for unit in names.beside},
        daemons=found.daemons,
        engines=tuple(it.pid for it in found.daemons if it.command in processes.ENGINES),
        replaced=tuple({it.unit for it in found.daemons if it.replaced}),
        strays=found.strays,
        namesakes=found.namesakes,
        mounts=tuple(_mounts(parts["mounts"], "fuse.daos")),
        memory=tuple(_mounts(parts["mounts"], "tmpfs")),
        processes=found.users,
        stuck=found.stuck,
        dfuses=found.dfuses,
        space=dict(_space(parts["space"])),
        read_only=tuple(parts["read-only"]),
        managers=tuple(_at_work(found.managers)),
        rpmnew=tuple(parts["rpmnew"]),
        record=Record.parse("\n".join(parts["record"])),
        starts=starts or (),
        traced=starts is not None and start_trace.leaves(server, "".join(parts["access"])),
        untraceable=start_trace.hindrance(server, parts["resets"], names.server),
        held_for=_age(parts["held"]),
        lock=" ".join(line for line in parts["lock"] if not _LOCKER.fullmatch(line)),
        locker=next((int(it[1]) for it in map(_LOCKER.fullmatch, parts["lock"]) if it), 0),
    )


def _words(lines: list[str]) -> list[str]:
    return [word for line in lines for word in line.split()]


def _mounts(lines: list[str], kind: str) -> Iterator[str]:
    """Where file systems of a type are mounted, as `findmnt -r` writes it."""
    for line in lines:
        type_, _, where = line.partition(" ")
        if type_ == kind:
            yield mount_points.decoded(where)


def _packages(lines: list[str], tell: Callable[[str], str]) -> dict[str, tuple[str, ...]]:
    """Package name to what its lines tell, of those that are built from DAOS's source."""
    packages: dict[str, tuple[str, ...]] = {}
    for line in lines:
        name, _, source, *_ = line.split(None, 3)
        if _SOURCE.match(source):
            name = word(name)
            packages[name] = (*packages.get(name, ()), tell(line))
    return packages


def _evr(line: str) -> str:
    return word(line.split()[1])


def _signer(line: str) -> str:
    signed = _KEY.search(line)
    return signed[1] if signed else ""


def _age(times: list[str]) -> float | None:
    return float(times[1]) - float(times[0]) if times else None


def _services(shown: dict[str, dict[str, str]], links: list[str]) -> Iterator[tuple[str, Service]]:
    for name, unit in shown.items():
        active = unit.get("ActiveState", "")
        state = units.state(name, unit, frozenset(links))
        below = [link for link in links if link.endswith(f"/{name}")]
        yield (
            name,
            Service(
                running=active not in ("inactive", "failed"),
                on_its_way=active in ("activating", "deactivating"),
                state=state,
                started=int(unit.get("ExecMainStartTimestampMonotonic") or 0) / 1e6,
                pid=int(unit.get("MainPID") or 0),
                cgroup=unit.get("ControlGroup", ""),
                user=unit.get("User", ""),
                command=_command(unit.get("ExecStart", "")),
                pullers=() if units.meaning(state).no_start else units.pullers(unit, below),
            ),
        )


def _command(shown: str) -> tuple[str, ...]:
    """The words of a command, as `systemctl show` prints it: "{ path=... ; argv[]=... ; ... }"."""
    found = _ARGV.findall(shown)
    return tuple(found[-1].split()) if found else ()


def _units(lines: list[str], names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Each of these units and its properties, as systemd shows them.

    It answers about an alias with the name of the unit that this stands for.
    """
    found = units.properties(lines)
    known: dict[str, dict[str, str]] = {}
    for name in names:
        said = (u for u in found if name in (u.get("Id"), *u.get("Names", "").split()))
        unit = next(said, None)
        if unit is None:
            raise ValueError(f"systemd says nothing about {name}")
        known[name] = unit
    return known


def _serves(dfuse: Process, mounts: Iterable[str]) -> bool:
    """Whether a dfuse process names one of these mount points on its command line."""
    words = re.split(r"[\s=]", dfuse.command)
    return any(mount in (dfuse.command if " " in mount else words) for mount in mounts)


def _mounted(mount: str, dfuses: tuple[Process, ...]) -> str:
    """A mount in words, with the process that serves it, as its command line tells."""
    serving = [p for p in dfuses if _serves(p, [mount])]
    if not serving and len(dfuses) == 1:
        serving = list(dfuses)  # named by a relative path, or by one with blanks
    who = "".join(f" ({p.who})" for p in serving[:1])
    return f"dfuse mounted at {in_line(mount)}{who}"


def _space(lines: list[str]) -> Iterator[tuple[str, int]]:
    for line in lines[1:]:  # after the heading
        kib, mount = line.split(None, 1)
        yield mount, int(kib) // 1024


def _at_work(processes: Iterable[Process]) -> Iterator[Process]:
    """The package managers that may change something, by the command that somebody typed."""
    for process in processes:
        typed = _INTERPRETER.sub("", process.command)
        if not _ASKS_ONLY.match(typed):
            yield replace(process, command=typed)
