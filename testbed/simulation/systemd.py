"""The units of a simulated node: what systemd does with them, and tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .files import Full

if TYPE_CHECKING:
    from .daemons import Daemon
    from .node import Node

_RESTART = 10.0  # seconds, RestartSec= of DAOS's units
_STARTED = 0.3  # seconds until a daemon says that it is ready
_ENDED = 0.1  # seconds that a daemon takes to end
STARTS = "/var/lib/daos-offline-update/starts"
DROP_IN = "/etc/systemd/system/{unit}.d/zzz-daos-offline-update.conf"


class Unit:
    """A unit of DAOS on a node, installed there or not.

    + state: ActiveState as systemd names it
    + masked: whether a link to /dev/null stands in its place
    + main_pid: 0 where nothing runs
    + started: when its main process was last started, in microseconds of the boot's clock
    """

    def __init__(self, name: str, node: Node, daemon: Daemon) -> None:
        self.name, self.daemon = name, daemon
        self._node = node
        self.state = "inactive"
        self.enabled = self.masked = False
        self.failed = False
        self.main_pid = 0
        self.started = 0
        self._job = 0  # what was begun before is of no account any more
        self._start_waits = False  # for the end of a stop

    @property
    def installed(self) -> bool:
        """Whether there is a unit file."""
        return self._node.has(self.daemon.package)

    @property
    def traces(self) -> bool:
        """Whether its drop-in has it write down its starts."""
        return DROP_IN.format(unit=self.name) in self._node.files

    def start(self) -> None:
        """Begin to start it, unless it runs or is on its way."""
        if self.state in ("active", "activating") and self.main_pid:
            return
        if self.state == "deactivating":
            self._start_waits = True
            return
        self._begin()

    def _begin(self, again: bool = False) -> None:
        self._job += 1
        self._start_waits = False
        self.state = "activating"
        self._tell("unit-starting", again=again)
        self._trace(before=True)
        self.main_pid = next(self._node.pids)
        self.started = int(self._node.monotonic * 1e6)
        if self.daemon.ready_at_once:
            self._is_ready(self._job)
        self.daemon.begins(self.main_pid)
        if not self.daemon.ready_at_once and not self._node.faults().get("never_ready"):
            self._node.cluster.clock.later(_STARTED, self._is_ready, self._job)

    def _is_ready(self, job: int) -> None:
        if job == self._job and self.state == "activating":
            self.state = "active"
            self._tell("unit-started")

    def stop(self) -> None:
        """Begin to stop it."""
        self._start_waits = False
        if self.state == "activating" and not self.main_pid:  # it waits for its next start
            self._job += 1
            self.state = "inactive"
            return
        if self.state in ("active", "activating"):
            self._job += 1
            self.state = "deactivating"
            self._tell("unit-stopping")
            delay = _ENDED + self.daemon.takes_to_end()
            self._node.cluster.clock.later(delay, self._stopped, self._job)

    def _stopped(self, job: int) -> None:
        if job != self._job:
            return
        self._ends("success", again=False)
        if self._start_waits:
            self._begin()

    def dies(self) -> None:
        """Its main process is killed."""
        if self.main_pid:
            self._ends("signal", again=True)

    def shut_down(self) -> None:
        """The node is shut down in good order."""
        if self.main_pid:
            self._job += 1
            self._tell("unit-stopping")
            self._ends("success", again=False)

    def gone(self) -> None:
        """The node is off: nothing runs any more, and nobody says so."""
        self._job += 1
        self._start_waits = False
        self.state, self.main_pid, self.started, self.failed = "inactive", 0, 0, False
        self.daemon.vanishes()

    def _ends(self, result: str, again: bool) -> None:
        self._job += 1
        self.main_pid = 0
        self.daemon.ends(result == "success")
        self._trace(before=False)
        self.failed = result != "success"
        self.state = "failed" if self.failed else "inactive"
        self._tell("unit-failed" if self.failed else "unit-stopped", result=result)
        if again:
            self.state = "activating"
            self._node.cluster.clock.later(_RESTART, self._again, self._job)

    def _again(self, job: int) -> None:
        if job == self._job and self._node.up:
            self._begin(again=True)

    def _trace(self, before: bool) -> None:
        """What the drop-in has systemd do before it starts the daemon, and after it has ended."""
        if not self.traces or STARTS not in self._node.files:
            return
        builds = self._node.packages.get(self.daemon.package, [])
        text = self._node.files.read(DROP_IN.format(unit=self.name))
        if not before:
            builds = [build for build in builds if f"grep -vxF '{build}'" not in text]
        try:
            self._node.files.append(STARTS, "".join(f"{build}\n" for build in builds))
            self._node.files.sync(STARTS)
        except Full:
            return  # the start goes on all the same

    def _tell(self, event: str, **details: Any) -> None:
        runs = self.name.removesuffix(".service")
        self._node.record("systemd", event, unit=self.name, runs=runs, **details)
