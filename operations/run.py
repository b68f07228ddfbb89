"""One run of a procedure: its target, what was found at its start, and what the steps share."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from pyinfra import logger
from pyinfra.api import Host, State
from pyinfra.context import ctx_host

from . import cluster, dmg
from .cluster import Shared, View
from .dmg import DmgError, Member
from .findings import Finding
from .nodes import SERVER
from .settings import Settings

T = TypeVar("T")


class Run:
    """One run of a procedure over one inventory.

    + settings: what the site decided
    + start: the cluster as it was found before anything was touched
    + members, pools: the ranks and pools found then; empty where the system was down already
    + opens_window: whether some node is not at the target, so that DAOS has to stop
    + refusals: the findings for which the run refused to go on
    + failures: the steps that were tried on a node and failed
    + acted: whether a step has stopped, updated or started something
    + report: follows the run and writes what it did
    + rpmnew: node name to the configuration files that the update left to be merged
    + first_stop, last_start: the offline window: something stopped first, an agent started last
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.shared = Shared()
        self.settings: Settings
        self.start = View(cluster.groups(state))
        self.members: list[Member] = []
        self.pools: list[dmg.Pool] = []
        self.opens_window = False
        self.refusals: list[Finding] = []
        self.failures: list[Finding] = []
        self.acted = False
        self.report: Any = None
        self.rpmnew: dict[str, list[str]] = {}
        self.first_stop: datetime | None = None
        self.last_start: datetime | None = None

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
    def found_stopped(self) -> bool:
        """Whether no engine ran when this run began."""
        return not any(node.engines for node in self.start.of("servers").values())

    def ran_before(self, name: str, unit: str) -> bool:
        """Whether a unit ran on a node when this run began."""
        node = self.start.nodes.get(name)
        return node is not None and node.runs(unit)

    def window_opened(self) -> None:
        """Something is about to be stopped; the offline window begins with the first."""
        self.first_stop = self.first_stop or datetime.now(UTC)

    def window_closed(self) -> None:
        """An agent has started; the offline window ends with the last."""
        self.last_start = datetime.now(UTC)

    @property
    def will_start_servers(self) -> bool:
        """Whether, as far as was seen at the start, daos_server has to be started on some node."""
        servers = self.start.of("servers").values()
        return self.opens_window or not all(node.runs(SERVER) for node in servers)

    def outdated(self, view: View) -> list[str]:
        """The nodes that are not at the target."""
        target = self.settings.target
        return [name for name, node in view.of(*cluster.ROLES).items() if node.version != target]

    def look(self) -> View:
        """The cluster right now; one reading serves all hosts that ask at about the same time."""
        return self._shared("view", lambda: cluster.read(self.state))

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
        _, answer, errors = cluster.command(
            self.state, self.admin, f"dmg -j {arguments}", timeout=timeout
        )
        return answer or errors

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
        self, view: View, judge: Callable[[View, list[Member]], list[Finding]]
    ) -> list[Finding]:
        """What `judge` finds wrong with the ranks right now; no answer of dmg is a finding too."""
        try:
            return judge(view, self.query())
        except DmgError as problem:
            message = f"{problem}; see `dmg system query -v` there"
            return [Finding("dmg-failed", (self.admin.name,), message)]

    def pools_now(self) -> list[dmg.Pool]:
        """The pools right now; one reading serves all hosts. Raises DmgError."""
        return self._shared("pool list", self.pool_list)

    def judge_pools(self) -> list[Finding]:
        """What is wrong with the pools right now; no answer of dmg is a finding too."""
        try:
            return dmg.unhealthy(self.pools_now())
        except DmgError as problem:
            return [
                Finding("dmg-failed", (self.admin.name,), f"{problem}; see `dmg pool list` there")
            ]

    def systemctl(self, here: Host, verb: str, unit: str) -> str | None:
        """Run `systemctl VERB UNIT` on a node; None if that went well, else what it said."""
        line = f"systemctl {verb} {unit}"
        done, output, errors = cluster.command(
            self.state, here, line, timeout=self.settings.timeouts["service"]
        )
        return None if done else f"`{line}` failed: {(errors or output).strip()}"

    def pool_list(self) -> list[dmg.Pool]:
        """The pools right now, by `dmg pool list`. Raises DmgError."""
        return dmg.pools(self.ask_dmg("pool list"))

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
            if progress != shown:
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
