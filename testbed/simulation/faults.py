"""What can go wrong on a simulated cluster: the lab's catalogue, and what only a simulation can do.

Each fault is one of testbed/faults.py's kind: it comes, and it goes where somebody mends it. Faults
of the way to a node, and of pyinfra itself, are in `WAY` and `SIGNALS`.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from testbed import faults as lab
from testbed.faults import Fault
from testbed.sim.model import Refused

from .node import AGENT, SERVER, Node
from .shell import Answer

_SERVERS = frozenset({"servers"})
_CLIENTS = frozenset({"clients"})


def _opens_a_pool(node: Node) -> None:
    pools = list(node.cluster.management.system.pools)
    if pools and node.up and node.units[AGENT].state == "active":
        try:
            node.open(pools[0])
        except Refused:
            return  # no engine serves it


def _ends_applications(node: Node) -> None:
    for application in node.applications[:]:
        node.close(application)


def _told(name: str, effect: str, key: str, value: Any = True, **more: Any) -> Fault:
    """A fault that the programs of a simulated node are told of."""
    return Fault(
        name,
        effect,
        lambda node: node.tell(key, value),
        lambda node: node.tell(key, None),
        key=key,
        **more,
    )


def _unit(verb: str, name: str) -> Any:
    def run(node: Node) -> None:
        if node.up:
            node.run(f"systemctl {verb} {name}")

    return run


HOST_HANGS = Fault(
    "host hangs",
    "The node gives no answer to anybody, and its engines none to the others.",
    lambda node: node.hang(),
    lambda node: node.hang(False),
)
FOLDER_FULL = Fault(
    "disk full",
    "Nothing can be written to the disk that packages and records are on.",
    lambda node: node.files.full.add("/var/"),
    lambda node: node.files.full.discard("/var/"),
)
RUN_FULL = Fault(
    "memory full",
    "Nothing can be written to /run.",
    lambda node: node.files.full.add("/run/"),
    lambda node: node.files.full.discard("/run/"),
)
TRANSACTION_DIES = _told(
    "transaction dies", "The package manager is killed after the first package.", "rpm_dies"
)
REPOSITORY_GONE = _told("repository gone", "The repositories cannot be reached.", "repository_gone")
START_FAILS = _told("start fails", "No daemon can be started by systemd.", "start_fails")
ENGINE_DIES_LATER = _told(
    "engine dies later",
    "The server's engines join, and die a second after that.",
    "engine_dies_after",
    1.0,
    roles=_SERVERS,
)
ENGINE_STOPS_SLOWLY = _told(
    "engine stops slowly",
    "The server's engines take 40 seconds to end once they are told to.",
    "stop_delay",
    40.0,
    roles=_SERVERS,
)
DMG_SLOW = _told("dmg slow", "dmg takes 40 seconds for each answer.", "dmg_slow", 40.0)
DMG_HANGS = _told("dmg hangs", "dmg gives no answer.", "dmg_slow", 10_000.0)
DMG_NONSENSE = _told("dmg nonsense", "dmg prints a panic of Go, and exits 0.", "dmg_nonsense")
DMG_OLDER = _told("dmg older", "dmg tells what was so when it was asked last.", "dmg_older")
LEADER_LOST = Fault(
    "leader lost",
    "The management service loses its leader, and has another one some seconds later.",
    lambda node: node.cluster.management.loses_its_leader(),
)
APPLICATION = Fault(
    "application", "A user's program opens a pool.", _opens_a_pool, _ends_applications,
    roles=_CLIENTS,
)  # fmt: skip
SERVER_BY_HAND = Fault(
    "server by hand", "Somebody starts daos_server.", _unit("start", SERVER), roles=_SERVERS
)
SERVER_STOPPED = Fault(
    "server stopped", "Somebody stops daos_server.", _unit("stop", SERVER), roles=_SERVERS
)
AGENT_BY_HAND = Fault(
    "agent by hand", "Somebody starts daos_agent.", _unit("start", AGENT), roles=_CLIENTS
)
AGENT_STOPPED = Fault(
    "agent stopped", "Somebody stops daos_agent.", _unit("stop", AGENT), roles=_CLIENTS
)
SERVER_KILLED = Fault(
    "server killed",
    "daos_server is killed; systemd starts it again.",
    lambda node: node.units[SERVER].dies(),
    roles=_SERVERS,
)


@dataclass(frozen=True)
class OfTheWay:
    """A fault of one command on its way to a node and back.

    + name, effect: as of `Fault`
    """

    name: str
    effect: str


COMMAND_FAILS = OfTheWay("command fails", "The command fails at once, and does nothing.")
BROKEN_PIPE = OfTheWay("connection breaks", "The connection breaks; a new one can be made.")


@dataclass(frozen=True)
class Signal:
    """A signal to pyinfra itself."""

    name: str
    effect: str
    number: signal.Signals


CTRL_C = Signal("Ctrl-C", "Somebody presses Ctrl-C.", signal.SIGINT)
TERMINATED = Signal("SIGTERM", "pyinfra gets SIGTERM.", signal.SIGTERM)
KILLED = Signal("SIGKILL", "pyinfra is killed.", signal.SIGKILL)

Kind = Fault | OfTheWay | Signal
# All that can be drawn, by what it is about: each of these is as likely as any other.
GROUPS: tuple[tuple[Kind, ...], ...] = (
    (COMMAND_FAILS, BROKEN_PIPE, CTRL_C, TERMINATED, KILLED),
    (lab.POWER_LOST, lab.REBOOT, HOST_HANGS),
    (lab.PACKAGES_FAIL, TRANSACTION_DIES, REPOSITORY_GONE, FOLDER_FULL, RUN_FULL),
    (DMG_SLOW, DMG_HANGS, DMG_NONSENSE, DMG_OLDER, LEADER_LOST),
    (
        lab.ENGINE_DIES, lab.ENGINE_NEVER_READY, lab.ENGINE_NOT_PREPARED, ENGINE_DIES_LATER,
        ENGINE_STOPS_SLOWLY, START_FAILS, SERVER_KILLED,
    ),
    (
        APPLICATION, lab.FOREIGN_AGENT, SERVER_BY_HAND, SERVER_STOPPED, AGENT_BY_HAND,
        AGENT_STOPPED,
    ),
)  # fmt: skip
# What may be so before a run is typed, and is for that to find.
STATES: tuple[Fault, ...] = (
    APPLICATION, lab.FOREIGN_AGENT, lab.ENGINE_DIES, lab.PACKAGES_FAIL, lab.POWER_LOST, HOST_HANGS,
    SERVER_STOPPED, AGENT_STOPPED,
)  # fmt: skip
KINDS: dict[str, Kind] = {it.name: it for group in GROUPS for it in group}
# What somebody else does to DAOS meanwhile breaks these rules, as the referee sees it: it cannot
# know who has stopped what, before a node boots. Nor can a procedure know of an engine that has
# died since it looked, before the others miss it.
BROKEN_BY: dict[str, frozenset[str]] = {
    lab.ENGINE_DIES.name: frozenset({"R8"}),
    ENGINE_DIES_LATER.name: frozenset({"R8"}),
    APPLICATION.name: frozenset({"R2"}),
    SERVER_BY_HAND.name: frozenset({"R3", "R4", "R5", "R10", "R11", "R12"}),
    SERVER_STOPPED.name: frozenset({"R1", "R2", "R3", "R6", "R8", "R9", "R10", "R11"}),
    SERVER_KILLED.name: frozenset({"R1", "R2", "R3", "R6", "R8", "R9", "R10", "R11"}),
    AGENT_BY_HAND.name: frozenset({"R2", "R4", "R5", "R6", "R10"}),
    AGENT_STOPPED.name: frozenset({"R1", "R6", "R8", "R9", "R10", "R11"}),
    lab.FOREIGN_AGENT.name: frozenset({"R2", "R4", "R5", "R6", "R10"}),
}
# What is there before anything is typed is for the procedure to see: there these are its own doing.
SEEN: dict[str, frozenset[str]] = {
    APPLICATION.name: frozenset({"R2"}),
    lab.FOREIGN_AGENT.name: frozenset({"R2", "R4"}),
}
AHEAD = "ahead"
_NOTICED = 10.0  # seconds until all know of what has happened


@dataclass(frozen=True)
class Planted:
    """A fault at a command of a run.

    + run: which command of the administrator it comes in, from 0
    + nth: at which command of that run on any node, from 0
    + moment: "before" it, in the "middle" of it, or "after" it: done, and the answer not yet there;
      "ahead" of the whole run, before that is typed: then only a `Fault` can come
    + kind: the name of the fault
    + node: on which node it comes; "" for the one that the command is for
    + of: only commands that begin so are counted; a case that stays is told in these words, since
      a procedure that has come to ask less has other numbers
    """

    run: int
    nth: int
    moment: str
    kind: str
    node: str = ""
    of: str = ""

    def __str__(self) -> str:
        where = f" on {self.node}" if self.node else ""
        if self.moment == AHEAD:
            return f"{self.kind}{where}, ahead of run {self.run}"
        what = f"command {self.nth}" + (f" that begins with `{self.of}`" if self.of else "")
        return f"{self.kind}{where}, {self.moment} {what} of run {self.run}"


def broken_by(fault: Planted) -> frozenset[str]:
    """The rules that may be broken with a fault by no doing of the procedure."""
    found = BROKEN_BY.get(fault.kind, frozenset())
    is_there = fault.run == 0 and fault.moment == AHEAD
    return found - SEEN.get(fault.kind, frozenset()) if is_there else found


class Sent(NamedTuple):
    """A command that was sent: to which node, and when, in seconds of the cluster's clock."""

    node: str
    line: str
    at: float


_SOON = 0.6  # seconds into a command that takes longer


@dataclass
class Plan:
    """The faults of one run: told at each command, in the process that runs pyinfra.

    + faults: those of this run
    + struck: what has come of them: the fault, and the command that it came at
    + commands: the commands so far
    """

    faults: tuple[Planted, ...] = ()
    struck: list[tuple[Planted, str]] = field(default_factory=list)
    commands: list[Sent] = field(default_factory=list)

    def begins(self, cluster: Any, leave: Any) -> None:
        """pyinfra begins, on this cluster; `leave` ends it at once."""
        self._cluster, self._leave = cluster, leave
        self._to_strike = [it for it in self.faults if it.moment != AHEAD]

    def comes_ahead(self, cluster: Any) -> None:
        """What is so before pyinfra begins comes now."""
        self._cluster = cluster
        for fault in (it for it in self.faults if it.moment == AHEAD):
            self.strike(fault, cluster.nodes[fault.node], "")
            cluster.clock.pass_by(_NOTICED)

    def ends(self) -> None:
        """pyinfra has ended: what was still to come does not come any more."""
        self._cluster.clock.forget(self)

    def told(self) -> tuple[list[tuple[Planted, str]], list[Sent]]:
        """What was struck, and all commands."""
        return self.struck, self.commands

    def at(self, node: Node, line: str) -> Moments | None:
        """A command is on its way to a node; what goes wrong with it, if anything."""
        here = [it for it in self._to_strike if line.startswith(it.of) and self._number(it) == 0]
        self.commands.append(Sent(node.name, line, self._cluster.clock.now))
        return Moments(self, node, line, here) if here else None

    def _number(self, fault: Planted) -> int:
        """How many commands are still to come before the one that a fault is at."""
        if not fault.of:
            return fault.nth - len(self.commands)
        return fault.nth - sum(sent.line.startswith(fault.of) for sent in self.commands)

    def strike(self, fault: Planted, node: Node, line: str) -> None:
        """It happens now."""
        self.struck.append((fault, line))
        kind = KINDS[fault.kind]
        target: Any = self._cluster.nodes[fault.node] if fault.node else node
        if isinstance(kind, Signal):
            if kind.number is signal.SIGKILL:
                self._leave(-signal.SIGKILL)
            os.kill(os.getpid(), kind.number)
        elif isinstance(kind, OfTheWay):
            if kind is BROKEN_PIPE:
                target.drop_connections()
        elif not kind.roles or kind.roles & target.roles:
            kind.plant(target)

    def once(self, fault: Planted, node: Node, line: str) -> None:
        """It happens now, unless it has happened already."""
        if all(known is not fault for known, _ in self.struck):
            self.strike(fault, node, line)

    def soon(self, fault: Planted, node: Node, line: str) -> None:
        """It happens while a command runs that takes its time."""
        self._cluster.clock.later(_SOON, self.once, fault, node, line)


@dataclass
class Moments:
    """The moments of one command at which something goes wrong."""

    plan: Plan
    node: Node
    line: str
    faults: list[Planted]

    def _strike(self, moment: str) -> None:
        for fault in self.faults:
            if fault.moment == moment:
                self.plan.once(fault, self.node, self.line)

    def before(self) -> None:
        """It is about to be sent."""
        self._strike("before")
        for fault in self.faults:
            if fault.moment == "middle":
                self.plan.soon(fault, self.node, self.line)

    def refused(self) -> Answer | None:
        """Its answer, where it fails and does nothing."""
        for fault in self.faults:
            if KINDS[fault.kind] is COMMAND_FAILS and fault.moment != "after":
                self.plan.once(fault, self.node, self.line)
                return Answer(1, "", "it does not work\n")
        return None

    def between(self, number: int, of: int) -> None:
        """The next part of it is about to be done."""
        if number == of // 2:
            self._strike("middle")

    def after(self) -> None:
        """It is done, and nobody knows yet."""
        self._strike("middle")
        self._strike("after")
