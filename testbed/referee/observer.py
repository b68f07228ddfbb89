"""What an outside observer knows at a moment: the cluster, who acts on it, and the window."""

import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self

from testbed.referee.cluster import Cluster, major
from testbed.referee.history import AGENT, FORMATTED, SERVER, Event, died_with_their_server

LAST_STAGE = "finish"


class Phase(IntEnum):
    """The phases of an offline update, and of a move from 1.x, in their order."""

    STOP_AGENTS = 1
    STOP_ENGINES = 2
    STOP_SERVERS = 3
    PACKAGES = 4
    START_SERVERS = 5
    FORMAT = 6
    START_AGENTS = 7


@dataclass(frozen=True)
class Snapshot:
    """What was so before something began.

    + agents: the nodes on which an agent ran
    + up: the nodes that had power
    + lost: the ranks that were not Joined, with the state of each
    + degraded: the pools that had ranks disabled, with these
    """

    joined: frozenset[int]
    lost: Mapping[int, str]
    degraded: Mapping[str, frozenset[int]]
    agents: frozenset[str]
    up: frozenset[str]
    enabled: Mapping[str, frozenset[str]]
    versions: Mapping[str, frozenset[str]]
    builds: Mapping[str, frozenset[tuple[str, str]]]
    engines: int

    @classmethod
    def of(cls, cluster: Cluster) -> Self:
        nodes = cluster.nodes.values()
        return cls(
            joined=cluster.joined(),
            lost={rank: state for rank, state in cluster.ranks.items() if state != "joined"},
            degraded={pool: frozenset(ranks) for pool, ranks in cluster.degraded.items()},
            agents=frozenset(node.name for node in cluster.up() if node.agents),
            up=frozenset(node.name for node in cluster.up()),
            enabled={node.name: frozenset(node.enabled) for node in nodes},
            versions={node.name: node.versions for node in nodes if node.versions},
            builds={node.name: frozenset(+node.builds) for node in nodes},
            engines=len(cluster.engines()),
        )

    def unhealthy(self, accepted: Set[int]) -> str:
        """Why the system was not whole, "" if it was, apart from ranks that the site accepts."""
        for rank in sorted(self.lost.keys() - accepted):
            return f"rank {rank} is {self.lost[rank]}"
        for pool, disabled in self.degraded.items():
            if disabled - accepted:
                return f"pool {pool} is degraded"
        return ""


@dataclass
class Command:
    """A command that somebody typed.

    + before: what was so when it began
    + resumes: whether a window was open then
    + running: whether everything that is enabled ran then
    + shared: whether another command ran at the same time
    + acts: what it did, as far as systemd, rpm and the engines tell
    """

    event: Event
    before: Snapshot
    resumes: bool
    running: bool
    shared: bool
    acts: list[Event] = field(default_factory=list)

    @property
    def argv(self) -> list[str]:
        return [str(word) for word in self.event.details["argv"]]

    @property
    def only_looks(self) -> bool:
        return "--dry" in self.argv

    @property
    def goes_on(self) -> bool:
        """Whether it was a stage of a migration, and not the last: DAOS may be down after it."""
        return self._setting("stage") not in ("", LAST_STAGE)

    @property
    def may_evict(self) -> bool:
        """Whether whoever typed it allowed to disconnect users of DAOS."""
        said = self._setting("evict_connections").lower() == "true"
        return said or self.event.details.get("evict") is True

    @property
    def unhealthy(self) -> str:
        """Why the system that it met was not whole, "" if it was."""
        return self.before.unhealthy(self._ranks("accepted_exclusions") | self.given_up)

    @property
    def given_up(self) -> set[int]:
        """The ranks that whoever typed it waits for no more."""
        return self._ranks("given_up_ranks")

    def _ranks(self, name: str) -> set[int]:
        return {int(rank) for rank in re.findall(r"\d+", self._setting(name))}

    @property
    def complete(self) -> bool:
        """Whether it met a system that was as it should be: one version, and all of it serving."""
        one_version = len(set(self.before.versions.values())) == 1
        return self.running and one_version and bool(self.before.joined) and not self.unhealthy

    def _setting(self, name: str) -> str:
        """What `--data NAME=VALUE` on its command line says, "" if nothing."""
        values = [word.partition("=")[2] for word in self.argv if word.startswith(f"{name}=")]
        return values[-1] if values else ""


@dataclass
class Window:
    """The time in which parts of DAOS are stopped.

    + event: what opened it
    + command: the command that opened it, None where nobody noted commands
    + touched: the nodes on which the procedure did something
    + stopped: whether it has stopped anything yet
    + back: whether all of it ran again when a node was let start at boot again; what becomes of it
      after that is nothing that was stopped
    """

    event: Event
    before: Snapshot
    command: Command | None
    package_changes: int = 0
    unit_changes: int = 0
    touched: set[str] = field(default_factory=set)
    stopped: bool = False
    back: bool = False


class Observer:
    """Follows a history, event by event.

    + cluster: as it was before the event that is looked at
    + running: the commands that run
    + failed: commands that failed, or were killed, since one succeeded
    + window: the open window, None while there is none
    + noted: whether somebody noted when commands were typed
    + given_up: ranks that were given up by a command so far
    + wiped: the formats, for 2.x, of storage that 1.x wrote, until what is there instead is noted
    """

    def __init__(self, events: Iterable[Event]) -> None:
        events = list(events)
        self.cluster = Cluster()
        self.running: list[Command] = []
        self.failed: list[Command] = []
        self.window: Window | None = None
        self.noted = any(event.kind == "lab command" for event in events)
        self.given_up: set[int] = set()
        self.wiped: list[Event] = []
        self._restoring = False
        self._killed = False  # what the last command began may go on, on the nodes
        self._died = died_with_their_server(events)

    @property
    def acting(self) -> bool:
        """Whether a command runs; a history without commands is taken for a single one."""
        return bool(self.running) or not self.noted

    def ending(self, event: Event) -> Command | None:
        """The command that an event says has ended."""
        if event.kind != "lab command-ended":
            return None
        same = (c for c in self.running if c.event.details["argv"] == event.details["argv"])
        return next(same, None)

    def success(self, event: Event) -> Command | None:
        """The command that an event says has ended well and that could change something."""
        command = self.ending(event)
        good = command and event.details["exit"] == 0 and not command.only_looks
        return command if good else None

    def over(self, event: Event) -> Command | None:
        """The command whose success ends a window: more stages of a migration follow most."""
        command = self.success(event)
        return None if command is None or command.goes_on else command

    @property
    def settled(self) -> bool:
        """Whether what is noted now is meant to stay, and not what a migration has got so far."""
        return not (self.noted and self._restoring)

    def all_back(self, host: str) -> bool:
        """Whether all that was stopped runs again, but for a node itself: the window is over.

        For whoever typed the command it is, who may have a thing or two to do until it ends. While
        nothing was stopped, a node that boots is one that was not kept from starting yet.
        """
        if self.window is None:
            return True
        before = self.window.before
        if not self.window.stopped or self.window.back:
            return True
        if host not in before.up:
            return True  # it was off when the window began: nobody could reach it
        return self._runs_again(before, host)

    def _runs_again(self, before: Snapshot, host: str = "") -> bool:
        """Whether all that ran before does, but for one node."""
        others = [self.cluster.node(name) for name in before.agents - {host}]
        agents = all(node.agents for node in others if node.up)
        own = self.cluster.node(host).ranks if host else frozenset()
        return agents and before.joined <= self.cluster.joined() | own

    # What an event is

    def phase(self, event: Event) -> Phase | None:
        """The phase that an event is an act of, None if nobody's hand did it or it is no act."""
        if not (self.acting or self._killed) or not self._by_hand(event):
            return None
        if event.unit:
            return _UNIT_ACTS.get((event.kind, event.unit))
        if event.package:
            return Phase.PACKAGES if self.is_package_change(event) else None
        if event.kind == FORMATTED:
            return Phase.FORMAT
        stopping = event.kind == "daos_server member" and event.details["state"] == "stopping"
        prepares = event.kind == "daos_engine prepared"
        return Phase.STOP_ENGINES if stopping or prepares or self._stops_engine(event) else None

    def is_package_change(self, event: Event) -> bool:
        """Whether a DAOS package is changed; not where a lab without commands sets its nodes up."""
        if not event.package or event.kind not in ("rpm installed", "rpm removed"):
            return False
        node = self.cluster.node(event.host)
        return self.noted or event.kind == "rpm removed" or bool(node.versions - {event.version})

    def stops_engine(self, event: Event) -> bool:
        """Whether an engine stops because the procedure wanted it, or stopped its server."""
        return self.acting and self._stops_engine(event)

    def _stops_engine(self, event: Event) -> bool:
        if event.kind != "daos_engine stop":
            return False
        engine = self.cluster.node(event.host).engines.get(event.pid)
        if engine is None:  # in a shutdown
            return False
        return engine.released or event.number not in self._died

    def meets_1x(self, event: Event) -> bool:
        """Whether an event is of an engine of 2.x, on storage that an engine of 1.x wrote."""
        node = self.cluster.node(event.host)
        engine = node.engines.get(event.pid)
        if event.kind == "daos_engine start":
            version, index = event.version, int(event.details.get("index", 0))
        elif engine is not None:
            version, index = engine.version, engine.index
        else:
            return False
        return major(version) >= 2 and node.layouts.get(index) == 1

    def _by_hand(self, event: Event) -> bool:
        """Whether it is no act of systemd itself, which boots, shuts down and restarts."""
        node = self.cluster.node(event.host)
        starts = event.kind == "systemd unit-starting"
        by_itself = starts and (event.unit in node.booting or event.details.get("again"))
        return node.up and not by_itself

    def changes(self, event: Event) -> bool:
        """Whether an event is an act of the procedure of any kind."""
        if self.phase(event) is not None:
            return True
        files = ("systemd unit-enabled", "systemd unit-disabled", "systemd unit-masked")
        return (self.acting or self._killed) and bool(event.unit) and event.kind in files

    # Following

    def apply(self, event: Event) -> None:
        """Take over what an event tells."""
        acts = self.changes(event)
        if acts and not self.window and self._opens_window(event):
            command = self.running[-1] if self.running else None
            self.window = Window(event, Snapshot.of(self.cluster), command)
        for command in self.running if acts else ():
            command.acts.append(event)
        if self.window:
            self._count(self.window, event, acts)
        self._follow_commands(event)
        self._follow_storage(event)
        self.cluster.apply(event)

    def _opens_window(self, event: Event) -> bool:
        disables = event.kind in ("systemd unit-disabled", "systemd unit-masked")
        return disables or self._stops(event)

    def _stops(self, event: Event) -> bool:
        phase = self.phase(event)
        return phase is not None and phase <= Phase.STOP_SERVERS

    def _count(self, window: Window, event: Event, acts: bool) -> None:
        window.package_changes += self.is_package_change(event)
        window.unit_changes += acts and event.kind.endswith(("abled", "masked"))
        window.stopped = window.stopped or (acts and self._stops(event))
        if acts and event.kind == "systemd unit-enabled":
            window.back = window.back or self._runs_again(window.before)
        elif acts and event.kind == "systemd unit-disabled":
            window.back = False
        if acts:
            window.touched.add(event.host)

    def _follow_commands(self, event: Event) -> None:
        if event.kind == "lab command":
            self._begin(event)
        command = self.ending(event)
        if command is None:
            return
        if self.over(event):
            self.failed, self.window, self._restoring = [], None, False
            self.given_up = set()
        elif self.success(event) and self.window is None:
            self.failed = []
        elif event.details["exit"] != 0:
            self.failed.append(command)
        self._killed = event.details["exit"] < 0
        self.running.remove(command)

    def _follow_storage(self, event: Event) -> None:
        if event.kind == "lab contents" and self.settled:
            self.wiped = []
        if event.kind != FORMATTED:
            return
        node, index = self.cluster.node(event.host), event.details["index"]
        if node.layouts.get(index) == 1 and any(major(version) >= 2 for version in node.versions):
            self.wiped.append(event)
            self._restoring = True

    def _begin(self, event: Event) -> None:
        for other in self.running:
            other.shared = True
        self.running.append(
            Command(
                event,
                before=Snapshot.of(self.cluster),
                resumes=bool(self.window),
                running=self._all_enabled_run(),
                shared=bool(self.running),
            )
        )
        self.given_up |= self.running[-1].given_up

    def _all_enabled_run(self) -> bool:
        wanted = {AGENT: "daos_agent", SERVER: "daos_server"}
        return all(
            node.up and all(wanted[unit] in node.running for unit in node.enabled)
            for node in self.cluster.nodes.values()
        )


_UNIT_ACTS = {
    ("systemd unit-stopping", AGENT): Phase.STOP_AGENTS,
    ("systemd unit-stopping", SERVER): Phase.STOP_SERVERS,
    ("systemd unit-starting", SERVER): Phase.START_SERVERS,
    ("systemd unit-starting", AGENT): Phase.START_AGENTS,
}
