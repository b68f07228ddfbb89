"""The processes that a node names: DAOS's own daemons, who uses DAOS, who changes packages. No I/O.

A name proves nothing: anybody may call a program daos_engine, or have /tmp/daos_engine lead to a
program that is root's for whoever runs it, like su, which waits at its prompt for as long as nobody
answers. So a daemon is told by the control group of its unit. Elsewhere it is one where it has the
rights of root or of the unit's own user, and has not got them by its executable: then somebody who
may do so has started it, by hand, by another unit, in a container.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from .shown import in_line
from .units import AGENT, SERVER, Units, properties

# What runs a daemon, and its engines: they are children of their daos_server. In 1.0 an engine is
# called daos_io_server. That these have libdaos mapped is no use of a pool.
ENGINES = {"daos_engine", "daos_io_server"}
_UNITS = {"daos_agent": AGENT, **dict.fromkeys(("daos_server", *ENGINES), SERVER)}

_ROOT = 0

_QUOTED = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_LETTERS = dict(zip(b"abfnrtv", b"\a\b\f\n\r\t\v", strict=True))

# The accounts that DAOS's own packages make; whatever the units say.
_ACCOUNTS = ("daos_server", "daos_agent")
_ORDINARY = 1000  # the first user id that is a person's, not a program's (UID_MIN)
# Where a container has its group that root has started; anybody's own are below user.slice.
_CONTAINER = re.compile(
    r"^/(machine\.slice|kubepods|docker/|lxc|libpod)|/(docker|libpod|crio|cri-containerd)-"
)

# Where Slurm has the processes of a job: with v1 below a group of its user's, with v2 in a scope
# (of a node's own, where a host runs several), since 26.05 by the job's SLUID. What is below
# user.slice anybody can make.
_JOB = re.compile(
    r"^(?!/user\.slice/).*?"
    r"(?:/uid_\d+/job_(\d+)|/(?:[^/]*_)?slurmstepd\.scope/(?:job_)?(\d+|s[0-9A-Z]{13}))(?:/|$)"
)


@dataclass(frozen=True)
class Process:
    """A process.

    + command: its name, or its command line
    + user, uid: who runs it; the name is "" where the node has none, the number None where it has
      ended meanwhile
    + program: the path of its executable; "" where that is not known
    + job: the job of Slurm that it belongs to, as `scancel` takes it; "" for none
    """

    pid: int
    user: str
    command: str
    uid: int | None = None
    program: str = ""
    job: str = ""

    @property
    def who(self) -> str:
        """By what it is known to whoever has to end it, or to talk to its user."""
        known = [f"pid {self.pid}"]
        if self.user:
            known.append(f"user {self.user}")
        if self.uid is not None:
            known.append(f"uid {self.uid}")
        if self.job:
            known.append(f"Slurm job {self.job}")
        return ", ".join([*known, in_line(self.program)] if self.program else known)

    def __str__(self) -> str:
        return f"{in_line(self.command) or 'a process without a name'} ({self.who})"


@dataclass(frozen=True)
class Stuck(Process):
    """A process that lets nobody look at what it has mapped, as while it waits for a dead FUSE."""

    def __str__(self) -> str:
        return (
            f"{super().__str__()}, which lets nobody see whether it uses DAOS (is it waiting for a "
            "file system that hangs?)"
        )


@dataclass(frozen=True)
class Daemon(Process):
    """A process of DAOS itself.

    + parent: the process id of what has started it
    + cgroup: the control group that systemd has it in, "/system.slice/daos_server.service"; ""
      where the node has none
    + replaced: whether its program, or a library of DAOS that it has mapped, is not the one on disk
      any more: it was started from other packages, whatever any clock says
    """

    parent: int = 0
    cgroup: str = ""
    replaced: bool = False

    @property
    def unit(self) -> str:
        """The unit that should have started it, by the name that DAOS gives it."""
        return _UNITS[self.command]

    @property
    def other(self) -> str:
        """The unit of the system that has started it, where that is not its own; "" for none."""
        last = self.cgroup.rpartition("/")[2]
        managed = last.endswith(".service") and not self.cgroup.startswith("/user.slice")
        return last if managed else ""

    @property
    def ended_by(self) -> str:
        """What to type to end it for good: its own unit is stopped, anything else is killed."""
        return f"systemctl disable --now {self.other}" if self.other else f"kill {self.pid}"

    @property
    def who(self) -> str:
        return f"{super().who}, cgroup {self.cgroup}" if self.cgroup else super().who


class Unit(Protocol):
    """What is asked of a unit here, see `node.Service`."""

    @property
    def pid(self) -> int: ...
    @property
    def cgroup(self) -> str: ...
    @property
    def user(self) -> str: ...


@dataclass(frozen=True)
class Found:
    """The processes that a node has named, each kind as of `node.Node`.

    + daemons: all of DAOS's own
    """

    daemons: tuple[Daemon, ...] = ()
    strays: tuple[Daemon, ...] = ()
    namesakes: tuple[Daemon, ...] = ()
    users: tuple[Process, ...] = ()
    stuck: tuple[str, ...] = ()
    dfuses: tuple[Process, ...] = ()
    managers: tuple[Process, ...] = ()


@dataclass
class _Seen:
    """What a node says of one process.

    + kinds: what it was found as: "daemon", "dfuse", "manager", "uses"
    + stuck: when it has started, where it let nobody look at it; "" otherwise
    + status: out of /proc/PID/status; empty where it has ended meanwhile
    + mode: of its executable, "-rwxr-xr-x"; "" where that is not known
    """

    kinds: set[str] = field(default_factory=set)
    stuck: str = ""
    status: dict[str, str] = field(default_factory=dict)
    command: str = ""
    program: str = ""
    mode: str = ""
    replaced: bool = False

    @property
    def runs(self) -> bool:
        """Whether it is alive; a zombie runs no more."""
        return bool(self.status) and self.status.get("State", "")[:1] not in ("Z", "X")

    @property
    def name(self) -> str:
        return self.status.get("Name", "")

    @property
    def uids(self) -> list[int]:
        """Real and effective."""
        return [int(word) for word in self.status.get("Uid", "").split()[:2] if word.isdigit()]

    @property
    def borrowed(self) -> bool | None:
        """Whether anybody has its rights who runs its executable; None where that is not known."""
        return self.mode[3] in "sS" if self.mode else None

    def has_rights_of(self, trusted: Collection[int]) -> bool:
        """Whether one of these users has started it, or somebody who has become one before."""
        if self.borrowed is None or not self.uids:  # not known, or it has ended
            return all(uid in trusted for uid in self.uids)
        return not self.borrowed and self.uids[-1] in trusted


def read(parts: Mapping[str, list[str]], names: Units, services: Mapping[str, Unit]) -> Found:
    """The processes of a node, out of the parts of its answer.

    + names: what the daemons' units are called there
    + services: these, by the names that DAOS gives them
    """
    seen = _seen(parts)
    alive = {pid: it for pid, it in seen.items() if it.runs}
    daemons = _Daemons(parts, names, services, alive)

    counted = {pid: it for pid, it in daemons.all.items() if pid not in daemons.none}

    def told(kind: str) -> Iterator[Process]:
        for pid, it in alive.items():
            if kind in it.kinds and pid not in counted:
                yield Process(command=it.command or it.name, **daemons.who(pid))

    return Found(
        daemons=tuple(counted.values()),
        strays=tuple(it for pid, it in counted.items() if pid not in daemons.own),
        namesakes=tuple(daemons.all[pid] for pid in sorted(daemons.none)),
        users=(
            *(replace(it, command=alive[it.pid].name) for it in told("uses")),
            *(
                Stuck(command=it.name, **daemons.who(pid))
                for pid, it in alive.items()
                if it.stuck and pid not in counted
            ),
        ),
        stuck=tuple(f"{pid}:{it.stuck}" for pid, it in seen.items() if it.stuck),
        # One that has none of DAOS's library serves nothing of it, whatever it is called.
        dfuses=tuple(it for it in told("dfuse") if "uses" in alive[it.pid].kinds),
        # Nobody else can change what is installed.
        managers=tuple(it for it in told("manager") if alive[it.pid].has_rights_of([_ROOT])),
    )


class _Daemons:
    """The processes of a node that have the name of a daemon, and which of them are one.

    + all: these, by process id
    + own: those that the unit has started to which they should belong
    + none: those that are none of DAOS
    """

    def __init__(
        self,
        parts: Mapping[str, list[str]],
        names: Units,
        services: Mapping[str, Unit],
        alive: Mapping[int, _Seen],
    ) -> None:
        self._alive, self._services = alive, services
        self._uids = _accounts(parts["names"])
        self._called = {uid: name for name, uid in self._uids.items()}
        self._others = _units(parts["others"])
        within = _cgroups(parts["cgroups"])
        self._jobs = _jobs(parts["cgroups"])
        self.all = {
            pid: Daemon(
                command=it.name,
                parent=int(it.status.get("PPid", 0)),
                cgroup=within.get(pid, ""),
                replaced=it.replaced,
                **self.who(pid),
            )
            for pid, it in alive.items()
            if "daemon" in it.kinds and it.name in _UNITS
        }
        every = self.all.values()
        self.own = {it.pid for it in every if _is_of_its_unit(it, names, services, every)}
        self.none = {it.pid for it in every if it.pid not in self.own and not self._counts(it)}

    def who(self, pid: int) -> dict[str, Any]:
        """What is known of a process, whatever it is."""
        it = self._alive[pid]
        uid = it.uids[-1] if it.uids else None
        user = "root" if uid == _ROOT else self._called.get(-1 if uid is None else uid, "")
        job = self._jobs.get(pid, "")
        return {"pid": pid, "user": user, "uid": uid, "program": it.program, "job": job}

    def _counts(self, daemon: Daemon) -> bool:
        """Whether somebody has started it who may: no ordinary user, or one for a container."""
        it = self._alive[daemon.pid]
        if it.borrowed:
            return False
        if _CONTAINER.search(daemon.cgroup):
            return True
        trusted = self._trusted(daemon)
        return trusted is None or it.has_rights_of(trusted)

    def _trusted(self, daemon: Daemon) -> Collection[int] | None:
        """The users whose processes count; None where it is not known who that is."""
        runs_as = [self._services[daemon.unit].user, self._others.get(daemon.other, "")]
        given = [name for name in runs_as if name]
        if any(name not in self._uids and not name.isdigit() for name in given):
            return None
        found = [self._uids[name] if name in self._uids else int(name) for name in given]
        accounts = [self._uids[name] for name in _ACCOUNTS if name in self._uids]
        return {*range(_ORDINARY), *found, *accounts}


def _seen(parts: Mapping[str, list[str]]) -> dict[int, _Seen]:
    """What a node says of each of its processes; a line that says nothing known is left out."""
    seen: dict[int, _Seen] = {}
    for line in (*parts["processes"], *parts["status"]):
        for form, learn in _LINES:
            if match := form.match(line):
                learn(seen.setdefault(int(match["pid"]), _Seen()), match)
                break
    return seen


def _learn_command(it: _Seen, match: re.Match[str]) -> None:
    it.command = f"{it.command} {match['line']}".strip()


def _learn_program(it: _Seen, match: re.Match[str]) -> None:
    it.program = _unquoted(match["path"])


def _learn_mode(it: _Seen, match: re.Match[str]) -> None:
    it.mode = match["mode"]


def _learn_that_it_is_replaced(it: _Seen, match: re.Match[str]) -> None:
    it.replaced = True


def _learn_that_it_is_stuck(it: _Seen, match: re.Match[str]) -> None:
    it.stuck = match["began"]


def _learn_kind(it: _Seen, match: re.Match[str]) -> None:
    it.kinds.add(match["kind"])


def _learn_status(it: _Seen, match: re.Match[str]) -> None:
    it.status.setdefault(match["key"], match["value"])


# Each form that a line about a process has, and what is learnt from it. What `ls -ldn
# --quoting-style=c --time-style=+` says is of a link, and of what it leads to.
_LINES = tuple(
    (re.compile(form, re.DOTALL), learn)
    for form, learn in (
        (r"/proc/(?P<pid>\d+)/status:(?P<key>\w+):\s*(?P<value>.*)", _learn_status),
        (r"/proc/(?P<pid>\d+)/cmdline:(?P<line>.*)", _learn_command),
        (r"/proc/(?P<pid>\d+)/maps$", _learn_that_it_is_replaced),
        (r'l\S+ .*"/proc/(?P<pid>\d+)/exe" -> (?P<path>".*")$', _learn_program),
        (r'(?P<mode>-\S+) .*"/proc/(?P<pid>\d+)/exe"$', _learn_mode),
        (r"stuck (?P<pid>\d+) (?P<began>\d+)$", _learn_that_it_is_stuck),
        (r"(?P<kind>\w+) (?P<pid>\d+)$", _learn_kind),
    )
)


def _unquoted(text: str) -> str:
    r"""A path as ls has quoted it like C: what is no plain character of ASCII is \ooo or \n."""

    def meant(match: re.Match[bytes]) -> bytes:
        word = match[1]
        return bytes([int(word, 8) if len(word) == 3 else _LETTERS.get(word[0], word[0])])

    raw = _QUOTED.sub(meant, text[1:-1].encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "surrogateescape")


def _accounts(lines: list[str]) -> dict[str, int]:
    """The user id of each user, as `getent passwd` lists them."""
    rows = [line.split(":") for line in lines]
    return {row[0]: int(row[2]) for row in rows if len(row) > 2 and row[2].isdigit()}


def _units(lines: list[str]) -> dict[str, str]:
    """As whom each of these units runs what it starts; "" for root."""
    return {unit.get("Id", ""): unit.get("User", "") for unit in properties(lines)}


def _cgroups(lines: list[str]) -> dict[int, str]:
    """Process id to its control group; without those that have the group of the first process."""
    said = [row for row in _rows(lines) if row[1] == "" or "name=systemd" in row[1]]
    # Where systemd has a named one, as with v1, that one counts.
    named = sorted(said, key=lambda row: "name=systemd" in row[1])
    groups = {pid: path for pid, _, path in named}
    return {pid: path for pid, path in groups.items() if path != groups.get(1)}


def _jobs(lines: list[str]) -> dict[int, str]:
    """Process id to the job of Slurm whose control group it is in."""
    found = ((pid, _JOB.search(path)) for pid, _, path in _rows(lines))
    return {pid: match[1] or match[2] for pid, match in found if match}


def _rows(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    """Process id, controllers ("" with v2) and group of each line out of /proc/PID/cgroup."""
    for line in lines:
        file, *rest = line.removeprefix("/proc/").split(":", 3)
        if len(rest) == 3:
            yield int(file.partition("/")[0]), rest[1], rest[2]


def _is_of_its_unit(
    daemon: Daemon, names: Units, services: Mapping[str, Unit], daemons: Iterable[Daemon]
) -> bool:
    """Whether the unit that a daemon should belong to has started it.

    Told by its control group, which a unit that has just stopped or started has as well; on a node
    without control groups by its descent from the unit's main process.
    """
    unit = services[daemon.unit]
    if re.match(rf"(/[^/]+\.slice)*/{re.escape(names[daemon.unit])}(/|$)", daemon.cgroup):
        return True
    if unit.cgroup and daemon.cgroup:
        return f"{daemon.cgroup}/".startswith(f"{unit.cgroup}/")
    parents = {other.pid: other.parent for other in daemons}
    pid = daemon.pid
    while pid != unit.pid and pid in parents:
        pid = parents[pid]
    return pid == unit.pid > 0
