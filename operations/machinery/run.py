"""One run of a procedure: its target, what was found at its start, and what the steps share."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from pyinfra import logger
from pyinfra.api import Host, State
from pyinfra.context import ctx_host

from ..daos import dmg, dmg_1_0
from ..daos.dmg import DmgError, Member
from ..daos.node import SERVER
from ..daos.window_file import Record
from ..migration.record.record import Migration
from ..rules import gates
from ..rules.findings import Finding
from ..rules.pools import rebuilding, unhealthy
from ..rules.view import ROLES, View
from . import hosts
from .migration_settings import MigrationSettings
from .settings import Settings
from .shared import Shared

T = TypeVar("T")

_SERVER_FILE = "/etc/daos/daos_server.yml"
_POOL_TIME = 5  # seconds that `dmg pool query` may take for each pool, besides a minute


class Run:
    """One run of a procedure over one inventory.

    + settings: what the site decided
    + start: the cluster as it was found before anything was touched
    + seen: the cluster as it was looked at last
    + left_out: the nodes that could not be reached, and that this run goes without
    + ranks: the ranks that were Joined before this update
    + pools: the pools that were there before it, label by UUID
    + back: whether this is the way back to the release of before
    + reinstalls: whether the storage is reformatted afterwards, so that nodes may come from 1.x
    + os_updates: the nodes whose operating system is updated in one transaction with DAOS
    + outdated_nodes: the nodes that are not at the target
    + opens_window: whether all of DAOS has to stop, since more than a client or two is outdated
    + alone: whether the lock is still held that keeps other runs away
    + refusals: the findings for which the run refused to go on
    + failures: the steps that were tried on a node and failed
    + steps: the steps of the procedure in its order, by the names of their functions
    + acted: whether a step has stopped, updated or started something
    + report: follows the run and writes what it did
    + rpmnew: node name to the configuration files that the update left to be merged
    + first_stop, last_start: the offline window: something stopped first, an agent started last
    + stage: of a migration from 1.x, "" where this is none
    + site: what the site decided about a migration
    + migration: what the stages of before remember; None where there were none
    + noticed: what a stage that only looks has found wrong so far
    + configuration: which files are converted: path, hosts, and the difference
    + read_back: the containers whose whole backup this run has read, and found as it was written
    + job: what a client is at work on right now, and goes on with if this run is interrupted
    + differing: container UUID to what of its backup does not equal the manifest
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.shared = Shared()
        self.settings: Settings
        self.start = View(hosts.groups(state))
        self.seen = self.start
        self.left_out: frozenset[str] = frozenset()
        self.ranks: tuple[int, ...] = ()
        self.pools: dict[str, str] = {}
        self.opens_window = False
        self.outdated_nodes: frozenset[str] = frozenset()
        self.back = False
        self.reinstalls = False
        self.os_updates: frozenset[str] = frozenset()
        self.configuration: list[dict[str, Any]] = []
        self.read_back: set[str] = set()
        self.alone: Callable[[], bool] = lambda: False
        self.refusals: list[Finding] = []
        self.failures: list[Finding] = []
        self.steps: list[str] = []
        self.acted = False
        self.report: Any = None
        self.rpmnew: dict[str, list[str]] = {}
        self.first_stop: datetime | None = None
        self.last_start: datetime | None = None
        self.stage = ""
        self.site: MigrationSettings
        self.migration: Migration | None = None
        self.noticed: list[Finding] = []
        self.job = ""
        self.differing: dict[str, dict[str, Any]] = {}
        self._point = ""

    @property
    def planning(self) -> bool:
        """Whether steps are only asked what they will do; nothing may be changed then."""
        return not self.state.is_executing

    @property
    def admin(self) -> Host:
        """The node that dmg is run on: the first admin node that could be reached."""
        names = self.start.groups["admins"]
        hosts = [self.state.inventory.get_host(name) for name in names]
        return next((host for host in hosts if host.connected), hosts[0])

    @property
    def accepted(self) -> frozenset[int]:
        """The ranks that may be missing: those that the site accepts, and that were missing."""
        return self.settings.accepted_exclusions - set(self.ranks)

    @property
    def found_stopped(self) -> bool:
        """Whether no engine ran on any server when this run began."""
        return self.start.stopped

    @property
    def record(self) -> Record | None:
        """What an earlier run of this update has left on the nodes, None if there was none."""
        return min(self.start.records, key=lambda record: record.began, default=None)

    def decide(self) -> None:
        """Decide by what was found which nodes have to stop.

        Where no server is outdated, but a client or an admin node that an earlier run could not
        reach, it is about that node alone, and the rest of the system goes on serving.
        """
        self.outdated_nodes = frozenset(self.outdated(self.start))
        servers = self.start.groups["servers"]
        left_behind = self.start.serving and self.outdated_nodes.isdisjoint(servers)
        self.opens_window = bool(self.outdated_nodes) and not left_behind
        self.first_stop = self._opened_before()

    def concerns(self, name: str) -> bool:
        """Whether what runs on a node has to stop for this update."""
        return self.opens_window or name in self.outdated_nodes

    @property
    def concerned(self) -> frozenset[str] | None:
        """The nodes that have to stop, None for all."""
        return None if self.opens_window else self.outdated_nodes

    @property
    def may_evict(self) -> bool:
        """Whether all pool connections may go: the site allows it, and all of DAOS stops."""
        return self.settings.evict and self.opens_window

    def ran_before(self, name: str, unit: str) -> bool:
        """Whether a unit ran on a node before this update."""
        node = self.start.nodes.get(name)
        if node is None:
            return False
        return node.runs(unit) or (node.record is not None and unit in node.record.running)

    def window_opened(self) -> None:
        """Something is about to be stopped; the offline window begins with the first."""
        self.first_stop = self.first_stop or datetime.now(UTC)

    def _opened_before(self) -> datetime | None:
        """When an earlier run stopped the first thing; None where all still ran as before."""
        stopped = (
            not node.runs(unit)
            for node in self.start.nodes.values()
            if node and node.record
            for unit in node.record.running
        )
        return self.record.began if self.record and any(stopped) else None

    def window_closed(self) -> None:
        """An agent has started; the offline window ends with the last."""
        self.last_start = datetime.now(UTC)

    @property
    def idle(self) -> bool:
        """Whether, as far as was seen at the start, nothing is to be done on any node."""
        nodes = self.start.of(*ROLES).values()
        due = any(
            (service.enabled and not service.running) or node.record
            for node in nodes
            for service in node.services.values()
        )
        return not (due or self.outdated_nodes or self.will_start_servers)

    @property
    def will_start_servers(self) -> bool:
        """Whether, as far as was seen at the start, daos_server has to be started on some node."""
        servers = self.start.of("servers").values()
        return self.opens_window or not all(node.runs(SERVER) for node in servers)

    def outdated(self, view: View) -> list[str]:
        """The nodes that are not at the target."""
        target = self.settings.target
        return [name for name, node in view.of(*ROLES).items() if node.version != target]

    def look(self) -> View:
        """The cluster right now; one reading serves all hosts that ask at about the same time."""
        self.seen = self._shared("view", lambda: hosts.read(self.state, self.left_out))
        return self.seen

    def judge(self, judge: Callable[[], list[Finding]]) -> list[Finding]:
        """What stands in the way of the present step; one judgement serves all hosts."""
        return self._shared("gate", judge)

    def _shared(self, name: str, read: Callable[[], T], **freshness: float) -> T:
        """A reading that is shared within one step, never with the next one."""
        return self.shared.get((name, ctx_host.get().executing_op_hash), read, **freshness)

    def ask_dmg(self, arguments: str, timeout: int = 60) -> str:
        """What `dmg -j ARGUMENTS` on the admin node writes to standard output.

        + timeout: seconds until it is given up
        """
        if self.dmg_is_1_0:
            line = dmg_1_0.line(arguments, self._access_point())
            found = hosts.command(self.state, self.admin, line, timeout=timeout)
            return dmg_1_0.answer(arguments, *found)
        _, answer, errors = hosts.command(
            self.state, self.admin, f"dmg -j {arguments}", timeout=timeout
        )
        return answer or errors

    @property
    def dmg_is_1_0(self) -> bool:
        """Whether the admin node has a dmg of 1.0, which knows no JSON."""
        node = self.seen.nodes.get(self.admin.name)
        return dmg_1_0.speaks(node.version if node else None)

    def _access_point(self) -> str:
        """The server that dmg of 1.0 has to ask. Raises DmgError where that is not known."""
        if not self._point:
            name, node = next(iter(self.seen.of("servers").items()))
            host = self.state.inventory.get_host(name)
            _, text, _ = hosts.command(self.state, host, f"cat {_SERVER_FILE}", timeout=60)
            try:
                self._point = dmg_1_0.access_point(text, node.hostname)
            except ValueError as problem:
                raise DmgError(f"{_SERVER_FILE} on {name}: {problem}") from problem
        return self._point

    def query(self) -> list[Member]:
        """The ranks right now, by `dmg system query`. Raises DmgError."""
        return self._shared(
            "system query", lambda: dmg.members(self.ask_dmg("system query")), fresh=0.5
        )

    def query_or_none(self) -> list[Member] | None:
        """The ranks right now, or None if the management service does not answer."""
        try:
            return self.query()
        except DmgError:
            return None

    def judge_members(
        self, view: View, judge: Callable[[View, list[Member], Collection[int]], list[Finding]]
    ) -> list[Finding]:
        """What `judge` finds wrong with the ranks right now; no answer of dmg is a finding too.

        + judge: given the nodes, the ranks, and those of them that may be missing
        """
        try:
            return judge(view, self.query(), self.accepted)
        except DmgError as problem:
            message = f"{problem}; see `dmg system query -v` there"
            return [Finding("dmg-failed", (self.admin.name,), message)]

    def pools_now(self) -> list[dmg.Pool]:
        """The pools right now; one reading serves all hosts. Raises DmgError."""
        return self._shared("pool list", self.pool_list)

    def judge_needed(self, view: View) -> list[Finding]:
        """R1, R12: there is something to do, and every node can get to the target."""
        return gates.needed(view, self.settings.target, self.back, self.reinstalls)

    def judge_pools(self) -> list[Finding]:
        """What is wrong with the pools right now; no answer of dmg is a finding too."""
        try:
            pools = self.pools_now()
        except DmgError as problem:
            return [
                Finding("dmg-failed", (self.admin.name,), f"{problem}; see `dmg pool list` there")
            ]
        accepted = len(self.settings.accepted_exclusions)
        return unhealthy(pools, accepted) + rebuilding(pools)

    def judge_start(self, view: View) -> list[Finding]:
        """R1: what was healthy when it was examined, perhaps long ago, still is, and is unused."""
        if not view.serving:
            return []
        unused = [] if self.may_evict else gates.unused(view, self.concerned)
        # What an earlier run, or this one, has begun to stop is no reason not to stop the rest.
        healthy = gates.joined_or_stopped if view.records else gates.joined
        findings = unused + self.judge_members(view, healthy)
        # No pool can tell how it is while its engines are being stopped.
        return findings if self.is_stopping(view) else findings + self.judge_pools()

    def is_stopping(self, view: View) -> bool:
        """Whether a `dmg system stop` of this update has got somewhere already."""
        members = self.query_or_none() or []
        return bool(view.records) and any(m.state in gates.STOPPED for m in members)

    def still_alone(self) -> list[Finding]:
        """No other run can act at the same time, as long as this one holds the lock."""
        if self.alone():
            return []
        message = "nothing keeps other runs away (any more): type the same command again"
        return [Finding("not-alone", (), message)]

    def shell(self, here: Host, line: str) -> str | None:
        """Run a short command on a node; None if that went well, else what it said."""
        timeout = self.settings.timeouts["service"]
        done, output, errors = hosts.command(self.state, here, line, timeout)
        return None if done else f"`{line}` failed: {(errors or output).strip()}"

    def systemctl(self, here: Host, verb: str, unit: str) -> str | None:
        """Run `systemctl VERB UNIT` on a node; None if that went well, else what it said."""
        return self.shell(here, f"systemctl {verb} {unit}")

    def pool_list(self) -> list[dmg.Pool]:
        """The pools right now, by `dmg pool list` and `dmg pool query`. Raises DmgError."""
        pools = dmg.pools(self.ask_dmg("pool list"))
        # What the list could not ask is known as that, and need not be asked again.
        to_ask = [pool for pool in pools if not pool.error]
        if not to_ask:
            return pools
        asked = {pool.uuid: pool for pool in self._asked_about(to_ask)}
        return [asked.get(pool.uuid, pool) for pool in pools]

    def _asked_about(self, pools: list[dmg.Pool]) -> list[dmg.Pool]:
        """These pools with what `dmg pool query` says of each. Raises DmgError."""
        timeout = 60 + _POOL_TIME * len(pools)
        old = self.dmg_is_1_0
        line = dmg.pool_queries(pools)
        if old:
            line = dmg_1_0.pool_queries((pool.uuid for pool in pools), self._access_point())
        _, answer, _ = hosts.command(self.state, self.admin, line, timeout)
        if not old:
            return dmg.queried(pools, answer)
        # It does not tell over how many engines a pool is spread: by default over all.
        engines = len(self.query())
        found = dmg.queried(pools, dmg_1_0.pool_answers(answer))
        return [replace(pool, engines=engines) for pool in found]

    def wait(self, kind: str, look: Callable[[], tuple[bool, str]]) -> bool:
        """Look again and again until it is done, showing what changes.

        + kind: which of the site's time-outs ends the waiting
        + look: says whether it is done, and in a few words how far it is
        Returns False on time-out.
        """
        deadline = time.monotonic() + self.settings.timeouts[kind]
        shown = ""
        while True:
            done, progress = look()
            if progress and progress != shown:
                say(progress)
                shown = progress
            if done:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.25)


def say(line: str) -> None:
    """One line for the administrator who watches."""
    logger.info(f"    {line}")


_runs: WeakKeyDictionary[State, Run] = WeakKeyDictionary()


def of(state: State) -> Run:
    """The run of this pyinfra state; made when it is first asked for."""
    if state not in _runs:
        _runs[state] = Run(state)
    return _runs[state]
