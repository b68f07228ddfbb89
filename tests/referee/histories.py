"""Histories of a small DAOS system, made up for the referee: good ones, and wrong ones.

What a simulated cluster logs is judged in the exploration. These stay beside it, since no program
of a cluster does what most of them do: they break one rule and no other, at a chosen moment, or
order what nodes do at once in every way; and a move from 1.x is not simulated.

Two servers with two engines each, an admin node and two clients. Each method is a step of somebody;
it logs what the nodes would log, given what runs and what is installed at that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

SERVERS = ("server-01", "server-02")
ADMIN = "admin-01"
CLIENTS = ("client-01", "client-02")
NODES = (*SERVERS, ADMIN, *CLIENTS)
RANKS = {"server-01": (0, 1), "server-02": (2, 3)}
OLDEST, OLD, NEW = "1.2.0", "2.0.1", "2.0.3"
UPDATE = ["pyinfra", "inventory", "deploy.py", "-y"]
AGENT, SERVER = "daos_agent.service", "daos_server.service"

Event = dict[str, Any]
Chains = list[list[Event]]  # of several nodes at once; each node's own events stay in their order
Mix = Callable[[Chains], Iterable[Event]]
Storage = tuple[str, int]  # a server, and the index of one of its engines

# What the storage of a system of 1.x holds, for the histories that tell of files.
FILES: dict[str, tuple[Storage, dict[str, Any]]] = {
    "c1": (("server-01", 0), {"pool": "u1", "files": 7, "bytes": 70, "digest": "d1"}),
    "c2": (("server-02", 1), {"pool": "u1", "files": 9, "bytes": 90, "digest": "d2"}),
}


def one_after_the_other(chains: Chains) -> Iterable[Event]:
    return (event for chain in chains for event in chain)


class History:
    """A history that grows.

    + mix: in which order the events of nodes that act at once are logged
    + release: what is installed at first; 1.x holds `FILES`
    """

    def __init__(
        self, mix: Mix = one_after_the_other, noted: bool = True, release: str = OLD
    ) -> None:
        self.events: list[Event] = []
        self._now = datetime(2026, 3, 1, 8, tzinfo=UTC)
        self._mix = mix
        self._noted = noted
        self._pid = 100
        self.installed = dict.fromkeys(NODES, release)
        self.formatted: dict[str, str] = {}  # server to the release that formatted its storage
        self.held: dict[Storage, dict[str, dict[str, Any]]] = {}  # containers
        self.copies: dict[str, tuple[Storage, dict[str, Any]]] = {}  # the backup of containers
        self._systems = 0  # how many there were: each has pools of its own
        self.agents: set[str] = set()
        self.servers: set[str] = set()
        self.engines: dict[int, tuple[str, int]] = {}  # rank to node and pid
        self.joined: set[int] = set()
        self.enabled = {**dict.fromkeys(SERVERS, SERVER), **dict.fromkeys(CLIENTS, AGENT)}
        self._set_up()

    def log(self, *chains: Sequence[Event]) -> None:
        """Log what several nodes do at once."""
        for event in self._mix([list(chain) for chain in chains]):
            self._now += timedelta(milliseconds=5)
            self.events.append({"time": f"{self._now:%Y-%m-%dT%H:%M:%S.%fZ}", **event})

    def say(self, host: str, program: str, event: str, /, pid: int = 1, **details: Any) -> Event:
        """An event that is not logged yet."""
        return {"host": host, "program": program, "event": event, "pid": pid, "details": details}

    def unit(self, host: str, what: str, unit: str) -> Event:
        return self.say(host, "systemd", f"unit-{what}", unit=unit)

    def member(self, rank: int, state: str) -> Event:
        return self.say("server-01", "daos_server", "member", rank=rank, state=state)

    def _set_up(self) -> None:
        self.log(*([self.say(node, "systemd", "boot")] for node in NODES))
        release = self.installed[ADMIN]
        self.log(*self._rpm(NODES, release, fresh=True))
        self.log(*([self.unit(node, "enabled", unit)] for node, unit in self.enabled.items()))
        self.start_servers()
        self.format()
        self.start_agents()
        if release == OLDEST:
            self.fill()

    # Commands, as an observer notes them

    def command(self, *more: str, **details: Any) -> History:
        if self._noted:
            self.log([self.say("lab", "lab", "command", argv=[*UPDATE, *more], **details)])
        return self

    def ended(self, exit_code: int = 0, *more: str) -> History:
        if self._noted:
            argv = [*UPDATE, *more]
            self.log([self.say("lab", "lab", "command-ended", argv=argv, exit=exit_code)])
        return self

    def contents(self, digest: str = "d1", disabled: int = 0) -> History:
        pools = {"tank": {"uuid": "u1", "targets_disabled": disabled}}
        self.log([self.say("lab", "lab", "contents", pools=pools, digests={"tank": digest})])
        return self

    # Steps of an update

    def stop_agents(self, nodes: Iterable[str] = NODES) -> History:
        self.log(*(self._stop_agent(node) for node in nodes if node in self.agents))
        self.agents -= set(nodes)
        return self

    def _stop_agent(self, node: str) -> list[Event]:
        return [
            self.unit(node, "stopping", AGENT),
            self.say(node, "daos_agent", "stop", version=self.installed[node]),
            self.unit(node, "stopped", AGENT),
        ]

    def stop_engines(self, force: bool = False) -> History:
        """dmg system stop"""
        if not self.servers:
            return self
        ranks = sorted(self.engines)
        if not force:
            self.log(*([self.of_engine(rank, "prepared")] for rank in ranks))
        self.log([self.member(rank, "stopping") for rank in ranks])
        self.log(*([self.of_engine(rank, "stop", prepared=not force)] for rank in ranks))
        self.log([self.member(rank, "stopped") for rank in ranks])
        ended: dict[str, Any] = {"ok": True, "ranks": ranks, "failed": [], "force": force}
        self.log([self.say("server-01", "daos_server", "system-stop", **ended)])
        self.engines, self.joined = {}, set()
        return self

    def system_stop_fails(self) -> History:
        """One engine cannot be prepared, so none is stopped."""
        self.log([self.of_engine(0, "prepared")])
        ended: dict[str, Any] = {"ok": False, "ranks": [0, 1, 2, 3], "failed": [2], "force": False}
        self.log([self.say("server-01", "daos_server", "system-stop", **ended)])
        return self

    def of_engine(self, rank: int, event: str, **details: Any) -> Event:
        node, pid = self.engines[rank]
        return self.say(node, "daos_engine", event, pid=pid, rank=rank, **details)

    def stop_servers(self, nodes: Iterable[str] = SERVERS) -> History:
        """Engines that still run end with their server, unprepared."""
        going = [node for node in nodes if node in self.servers]
        self.log(*(self._stop_server(node) for node in going))
        self.servers -= set(going)
        self._engines_gone(going)
        return self

    def _stop_server(self, node: str) -> list[Event]:
        left = [rank for rank in RANKS[node] if rank in self.engines]
        return [
            self.unit(node, "stopping", SERVER),
            *(self.of_engine(rank, "stop", prepared=False) for rank in left),
            self.say(node, "daos_server", "stop", version=self.installed[node]),
            self.unit(node, "stopped", SERVER),
        ]

    def _engines_gone(self, nodes: Iterable[str]) -> None:
        gone = {rank for node in nodes for rank in RANKS.get(node, ())}
        self.engines = {rank: where for rank, where in self.engines.items() if rank not in gone}
        self.joined -= gone

    def packages(self, version: str = NEW, nodes: Iterable[str] = NODES) -> History:
        self.log(*self._rpm([node for node in nodes if self.installed[node] != version], version))
        self.installed |= dict.fromkeys(nodes, version)
        return self

    def _rpm(self, nodes: Iterable[str], version: str, fresh: bool = False) -> Chains:
        chains = []
        for node in nodes:
            names = ["daos", "daos-server" if node in SERVERS else "daos-client"]
            chain = [self.package(node, "installed", name, version) for name in names]
            if not fresh:
                old = self.installed[node]
                chain += [self.package(node, "removed", name, old) for name in reversed(names)]
            chains.append(chain)
        return chains

    def package(self, node: str, event: str, name: str, version: str) -> Event:
        return self.say(node, "rpm", event, package=name, version=version)

    def hot_fix(self, old: str, new: str) -> History:
        """An undisturbed update of all nodes from one build of what they have to another, typed."""
        self.command().stop_all().disable()
        for node in NODES:
            version = self.installed[node]
            for event, build in (("installed", new), ("removed", old)):
                said = self.say(node, "rpm", event, package="daos", version=version, build=build)
                self.log([said])
        return self.start_all().enable().ended()

    def rpm_fails(self, node: str) -> History:
        self.log([self.package(node, "failed", "daos", NEW)])
        return self

    def start_servers(self, nodes: Iterable[str] = SERVERS, join: bool = True) -> History:
        coming = [node for node in nodes if node not in self.servers]
        self.log(*([self.unit(node, "starting", SERVER)] for node in coming))
        self.log(*(self._server_begins(node) for node in coming))
        self.servers |= set(coming)
        if join:
            self.join(coming)
        return self

    def _server_begins(self, node: str) -> list[Event]:
        start = self.say(node, "daos_server", "start", version=self.installed[node])
        return [start, *self._engines_begin(node)]

    def _engines_begin(self, node: str) -> Iterable[Event]:
        """They abort where the storage was formatted by a release that they do not read."""
        if node not in self.formatted:
            return
        version = self.installed[node]
        for index, rank in enumerate(RANKS[node]):
            self._pid += 1
            self.engines[rank] = (node, self._pid)
            yield self.of_engine(rank, "start", version=version, index=index)
            if version[0] != self.formatted[node][0]:
                yield self.of_engine(rank, "abort", reason="storage layout")
                del self.engines[rank]

    def join(self, nodes: Iterable[str] = SERVERS) -> History:
        ranks = [r for node in nodes for r in RANKS[node] if r in self.engines]
        version = self.installed["server-01"]
        self.log(
            *(
                [self.member(r, "joined"), self.of_engine(r, "ready", version=version)]
                for r in ranks
            )
        )
        self.joined |= set(ranks)
        return self

    def start_agents(self, nodes: Iterable[str] = CLIENTS) -> History:
        coming = [node for node in nodes if node not in self.agents]
        self.log(*(self._start_agent(node) for node in coming))
        self.agents |= set(coming)
        return self

    def _start_agent(self, node: str) -> list[Event]:
        return [
            self.unit(node, "starting", AGENT),
            self.say(node, "daos_agent", "start", version=self.installed[node]),
        ]

    def disable(self, nodes: Iterable[str] = (*SERVERS, *CLIENTS)) -> History:
        self.log(*([self.unit(node, "disabled", self.enabled[node])] for node in nodes))
        return self

    def enable(self, nodes: Iterable[str] = (*SERVERS, *CLIENTS)) -> History:
        self.log(*([self.unit(node, "enabled", self.enabled[node])] for node in nodes))
        return self

    # Steps of a migration from 1.x

    def fill(self, files: dict[str, tuple[Storage, dict[str, Any]]] = FILES) -> History:
        """Containers are made and filled, which leaves no event of its own."""
        for uuid, (storage, held) in files.items():
            self.held.setdefault(storage, {})[uuid] = held
        return self

    def back_up(self, *containers: str) -> History:
        """Of all containers, or these; it leaves no event of its own, either."""
        for storage, there in self.held.items():
            for uuid in containers or there:
                if uuid in there:
                    self.copies[uuid] = (storage, there[uuid])
        return self

    def erase(self) -> History:
        """dmg system erase"""
        self.log(*(self._wipe(node) for node in SERVERS))
        return self.happen("server-01", "daos_server", "system-erased")

    def format(self, nodes: Iterable[str] = SERVERS, join: bool = True) -> History:
        """dmg storage format --force"""
        self._systems += 1
        self.log(*(self._format(node) for node in nodes))
        if join:
            self.join(nodes)
        return self

    def _wipe(self, node: str) -> list[Event]:
        return [
            self._wiped(node, index, self.held.pop((node, index), {}))
            for index in range(len(RANKS[node]))
        ]

    def _format(self, node: str) -> list[Event]:
        wiped = self._wipe(node)
        self.formatted[node] = self.installed[node]
        return [*wiped, *self._engines_begin(node)]

    def _wiped(self, node: str, index: int, held: dict[str, dict[str, Any]]) -> Event:
        same = {uuid for uuid, copy in self.copies.items() if copy[1] == held.get(uuid)}
        witness = {uuid: f"/backup/{uuid}" if uuid in same else None for uuid in held}
        details: dict[str, Any] = {"index": index, "containers": held, "witness": witness}
        return self.say(node, "daos_server", "storage-formatted", **details)

    def restore(self, *containers: str) -> History:
        """All that is in the backup, or these."""
        return self.fill({uuid: self.copies[uuid] for uuid in containers or self.copies})

    def files(self, **digests: str) -> History:
        """An observer notes what is in the containers.

        + digests: of containers that hold something else than storage tells
        """
        there = {uuid: one["digest"] for held in self.held.values() for uuid, one in held.items()}
        pool = f"u{self._systems}"
        digests = {f"{pool} {uuid}": digest for uuid, digest in {**there, **digests}.items()}
        pools = {pool: {"uuid": pool}}
        self.log([self.say("lab", "lab", "contents", pools=pools, digests=digests)])
        return self

    def stage(self, name: str, *steps: Callable[[History], Any], exit_code: int = 0) -> History:
        """A command that is a stage of a migration."""
        words = ("--data", f"stage={name}")
        self.command(*words)
        for step in steps:
            step(self)
        return self.ended(exit_code, *words)

    # What others do, and what happens

    def connect(self, client: str = "client-01", handle: str = "h1") -> History:
        details: dict[str, Any] = {"pool": "tank", "host": client, "handle": handle}
        self.log([self.say("server-01", "daos_server", "pool-connected", **details)])
        return self

    def evict(self, *handles: str) -> History:
        details: dict[str, Any] = {"pool": "tank", "handles": list(handles)}
        self.log([self.say("server-01", "daos_server", "pool-evicted", **details)])
        return self

    def power_lost(self, node: str) -> History:
        self.log([self.say("lab", "lab", "power-lost", node=node)])
        self._forget(node)
        return self

    def silent(self, node: str) -> History:
        """It gives no answer any more."""
        self.log([self.say("lab", "lab", "silent", node=node)])
        return self

    def shut_down(self, node: str) -> History:
        """What runs is stopped by the node itself."""
        self.log([self.say(node, "systemd", "shutdown")])
        if node in self.agents:
            self.log(self._stop_agent(node))
        if node in self.servers:
            self.log(self._stop_server(node))
        self._forget(node)
        return self

    def _forget(self, node: str) -> None:
        self.agents.discard(node)
        self.servers.discard(node)
        self._engines_gone([node])

    def boot(self, node: str, starts: bool = False) -> History:
        """A node boots; `starts`: what is enabled on it starts."""
        self.log([self.say(node, "systemd", "boot")])
        if starts and node in SERVERS:
            self.start_servers([node], join=False)
        elif starts:
            self.start_agents([node])
        return self

    def server_killed(self, node: str) -> History:
        """Its engines notice and end; nobody prepared them."""
        ranks = [rank for rank in RANKS[node] if rank in self.engines]
        self.log(*([self.of_engine(rank, "stop", prepared=False)] for rank in ranks))
        self.log([self.unit(node, "failed", SERVER)])
        self.servers.discard(node)
        self._engines_gone([node])
        return self

    def engine_ends(self, rank: int) -> History:
        """It is told to by a signal; nobody prepared it."""
        self.log([self.of_engine(rank, "stop", prepared=False)])
        del self.engines[rank]
        return self

    def excluded(self, rank: int) -> History:
        degraded: dict[str, Any] = {"pool": "tank", "ranks": [rank], "targets_disabled": 8}
        self.log([self.member(rank, "excluded")])
        self.log([self.say("server-01", "daos_server", "pool-degraded", **degraded)])
        return self

    def happen(self, host: str, program: str, event: str, /, **details: Any) -> History:
        self.log([self.say(host, program, event, **details)])
        return self

    # Whole stretches

    def stop_all(self) -> History:
        return self.stop_agents().stop_engines().stop_servers()

    def start_all(self) -> History:
        return self.start_servers().start_agents()

    def update(self) -> History:
        """An undisturbed update, typed and noted."""
        self.contents().command()
        self.stop_all().disable().packages().start_all().enable()
        return self.ended().contents()

    def migrate(self) -> History:
        """An undisturbed migration from 1.x, typed and noted."""
        return self.files().stages().files()

    def stages(self, *names: str) -> History:
        """All stages of a migration, or these, one after the other."""
        for name in names or MIGRATION:
            self.stage(name, *MIGRATION[name])
        return self


MIGRATION: dict[str, tuple[Callable[[History], Any], ...]] = {
    "check": (),
    "backup": (History.back_up,),
    "verify": (),
    "install": (History.stop_all, History.disable, History.packages),
    "format": (History.start_servers, History.erase, History.format),
    "restore": (lambda h: h.start_agents(["client-01"]), History.restore),
    "finish": (History.start_agents, History.enable),
}
