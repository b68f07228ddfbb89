"""One running service: its states, and the jobs that start and stop it, as systemd has them."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import Any

from . import events, processes
from .processes import Reaper
from .unit import Command, Unit, wants_restart

LOGS = Path("/var/log/journal-lab")
NOTIFY = Path("/run/systemd/notify")
# Ends that systemd counts as orderly besides exit code 0, see systemd.service(5).
_ORDERLY = (-signal.SIGHUP, -signal.SIGINT, -signal.SIGTERM, -signal.SIGPIPE)
_POLL = 0.005  # seconds between looks for processes that a stop waits for


class JobError(Exception):
    """A start that failed; `result` is systemd's word for it: exit-code, signal, timeout, ..."""

    def __init__(self, result: str) -> None:
        super().__init__(result)
        self.result = result


class Service:
    """A service unit and what runs of it.

    + active, sub: ActiveState and SubState as `systemctl show` names them
    + result: how it last ended, `success` or the kind of failure
    + main_pid: 0 where nothing runs
    + exit_code: of the last main process (negative: a signal)
    + since: when the state changed, seconds since the epoch
    + main_started: when the main process was last started, microseconds of CLOCK_MONOTONIC; 0 if
      it was not since the node booted
    """

    def __init__(self, unit: Unit, reaper: Reaper) -> None:
        self.unit = unit
        self.active = "inactive"
        self.sub = "dead"
        self.result = "success"
        self.main_pid = 0
        self.exit_code = 0
        self.restarts = 0
        self.since = time.time()
        self.main_started = 0
        self._reaper = reaper
        self._job = asyncio.Lock()
        self._end: asyncio.Future[int] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._restart: asyncio.Task[None] | None = None
        self._stop_wanted = False

    async def start(self, again: bool = False) -> None:
        """Start the service and wait as its type says. Raises JobError where that fails.

        + again: whether that is by Restart=, and nobody has asked for it
        """
        self._cancel_restart()
        async with self._job:
            if self.active == "active":
                return
            self._stop_wanted = False
            await self._start(again)

    async def stop(self) -> None:
        """Stop the service with all its processes; a start that is under way is broken off."""
        self._cancel_restart()
        self._stop_wanted = True
        if self.active == "activating" and self.main_pid:
            processes.send_signal([self.main_pid], signal.SIGTERM)
        async with self._job:
            if self.active == "active":
                await self._stop()
            elif self.active == "activating":  # it waited for its next restart
                self._change("inactive", "dead")

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to all processes of the service."""
        if self.main_pid:
            processes.send_signal(self.members(), number)

    def members(self) -> set[int]:
        """The pids of the service."""
        if not self.main_pid:
            return set()
        return processes.belonging_to(self.main_pid, processes.table())

    def reset_failed(self) -> None:
        """Forget a failure."""
        if self.active == "failed":
            self._change("inactive", "dead")
        self.result = "success"

    def log(self, text: str) -> None:
        """Append a line to the service's journal."""
        descriptor = self._open_log()
        try:
            os.write(descriptor, f"{text}\n".encode())
        finally:
            os.close(descriptor)

    # Starting

    async def _start(self, again: bool) -> None:
        self.result = "success"
        self._change("activating", "start")
        self._record("unit-starting", again=again)
        self.log(f"Starting {self.unit.description}...")
        try:
            async with asyncio.timeout(_limit(self.unit.timeout_start)):
                self._make_directories()
                for command in self.unit.exec_start_pre:
                    await self._run_to_end(command)
                await self._start_main()
        except TimeoutError:
            await self._failed_start("timeout")
        except JobError as error:
            await self._failed_start(error.result)

    async def _start_main(self) -> None:
        if self.unit.type == "oneshot":
            await self._start_oneshot()
            return
        if not self.unit.exec_start:
            raise JobError("resources")
        with contextlib.ExitStack() as stack:
            ready = self._ready_socket(stack) if self.unit.type == "notify" else None
            self._end = self._spawn_main(self.unit.exec_start[0])
            if ready:
                await self._until_ready(ready, self._end)
        self._change("active", "running")
        self._record("unit-started")
        self.log(f"Started {self.unit.description}.")
        self._watcher = asyncio.create_task(self._watch(self._end))

    async def _start_oneshot(self) -> None:
        for command in self.unit.exec_start:
            await self._run_to_end(command)
        self._record("unit-started")
        self.log(f"Finished {self.unit.description}.")
        if self.unit.remain_after_exit:
            self._change("active", "exited")
        else:
            self._change("inactive", "dead")

    def _spawn_main(self, command: Command) -> asyncio.Future[int]:
        """Start the main process. A Type=simple start succeeds even if its program cannot run."""
        self.main_started = time.monotonic_ns() // 1000
        try:
            self.main_pid = self._spawn(command)
        except (OSError, KeyError) as error:
            self.log(f"{self.unit.name}: Failed at step EXEC spawning {command.argv[0]}: {error}")
            future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            future.set_result(217 if isinstance(error, KeyError) else 203)  # EXIT_USER, EXIT_EXEC
            return future
        return self._reaper.end_of(self.main_pid)

    def _ready_socket(self, stack: contextlib.ExitStack) -> socket.socket:
        """The socket that a Type=notify service tells that it is ready, see sd_notify(3)."""
        NOTIFY.mkdir(parents=True, exist_ok=True)
        path = NOTIFY / self.unit.name
        path.unlink(missing_ok=True)
        listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        listener.bind(str(path))
        listener.setblocking(False)
        path.chmod(0o666)
        stack.callback(path.unlink, missing_ok=True)
        return listener

    async def _until_ready(self, listener: socket.socket, end: asyncio.Future[int]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            message = asyncio.ensure_future(loop.sock_recv(listener, 4096))
            either: set[asyncio.Future[Any]] = {message, end}
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not message.done():
                    message.cancel()
            if message.done() and not message.cancelled() and b"READY=1" in message.result():
                return
            if end.done():
                self._note_end(end.result())
                raise JobError(_kind_of_end(end.result()) or "protocol")

    async def _failed_start(self, result: str) -> None:
        await self._kill_rest(self.members())
        self.main_pid = 0
        await self._after_its_end()
        self._ended(result)
        raise JobError(result)

    async def _run_to_end(self, command: Command) -> None:
        """Run a command before or after the service, or of a oneshot. Raises JobError."""
        try:
            pid = self._spawn(command)
        except (OSError, KeyError) as error:
            self.log(f"{self.unit.name}: Failed to run {command.argv[0]}: {error}")
            code = 203
        else:
            self.main_pid = pid
            code = await self._reaper.end_of(pid)
            self.main_pid = 0
        if code and not command.may_fail:
            self.exit_code = code
            self.log(f"{self.unit.name}: Control process exited, {_describe(code)}")
            raise JobError(_kind_of_end(code) or "exit-code")

    def _spawn(self, command: Command) -> int:
        environment = dict(self.unit.environment)
        if self.unit.type == "notify":
            environment["NOTIFY_SOCKET"] = str(NOTIFY / self.unit.name)
        for key, base, names in (
            ("RUNTIME_DIRECTORY", "/run", self.unit.runtime_directory),
            ("STATE_DIRECTORY", "/var/lib", self.unit.state_directory),
        ):
            if names:
                environment[key] = ":".join(f"{base}/{name}" for name in names)
        log = self._open_log()
        try:
            return processes.spawn(
                command.argv,
                user="root" if command.as_root else self.unit.user,
                group="" if command.as_root else self.unit.group,
                directory=self.unit.working_directory,
                environment=environment,
                output=log,
            )
        finally:
            os.close(log)

    def _make_directories(self) -> None:
        """Make RuntimeDirectory= and StateDirectory=, owned by the service's user."""
        unit = self.unit
        runtime = [
            (Path("/run", name), unit.runtime_directory_mode) for name in unit.runtime_directory
        ]
        state = [(Path("/var/lib", name), 0o755) for name in unit.state_directory]
        for path, mode in runtime + state:
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(mode)
            try:
                shutil.chown(path, unit.user, unit.group or None)
            except LookupError:
                raise JobError("exit-code") from None

    def _open_log(self) -> int:
        LOGS.mkdir(parents=True, exist_ok=True)
        path = LOGS / f"{self.unit.name}.log"
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)

    # Ending

    async def _watch(self, end: asyncio.Future[int]) -> None:
        """Notice that the main process ended by itself."""
        code = await end
        async with self._job:
            if self._end is not end:  # a stop ended it and has dealt with it
                return
            self._end = None
            self._note_end(code)
            await self._kill_rest(self.members())
            self.main_pid = 0
            await self._after_its_end()
            self._ended(_kind_of_end(code) or "success")

    def _ended(self, result: str) -> None:
        """Take the state of an ended service, and start it again where Restart= says so."""
        self.result = result
        failed = result != "success"
        self._change(*(("failed", "failed") if failed else ("inactive", "dead")))
        if failed:
            self.log(f"{self.unit.name}: Failed with result '{result}'.")
            self._record("unit-failed", result=result)
        else:
            self._record("unit-stopped", result=result)
        if wants_restart(self.unit.restart, not failed) and not self._stop_wanted:
            self._change("activating", "auto-restart")
            self._restart = asyncio.create_task(self._start_later())

    async def _start_later(self) -> None:
        await asyncio.sleep(self.unit.restart_sec)
        self._restart = None
        self.restarts += 1
        self.log(f"{self.unit.name}: Scheduled restart job, restart counter is at {self.restarts}.")
        with contextlib.suppress(JobError):
            await self.start(again=True)

    def _cancel_restart(self) -> None:
        if self._restart:
            self._restart.cancel()
            self._restart = None

    async def _stop(self) -> None:
        self._change("deactivating", "stop-sigterm")
        self._record("unit-stopping")
        self.log(f"Stopping {self.unit.description}...")
        members = self.members()
        main_only = self.unit.kill_mode != "control-group"
        processes.send_signal([self.main_pid] if main_only and members else members, signal.SIGTERM)
        result = "success"
        try:
            async with asyncio.timeout(_limit(self.unit.timeout_stop)):
                await self._until_gone({self.main_pid} if main_only else members)
        except TimeoutError:
            result = "timeout"
            self.log(f"{self.unit.name}: State 'stop-sigterm' timed out. Killing.")
        await self._kill_rest(members | self.members())
        if self._end and result == "success":
            self._note_end(await self._end)
            result = _kind_of_end(self.exit_code) or "success"
        self._end = None
        self.main_pid = 0
        await self._after_its_end()
        self.result = result
        self._change(*(("inactive", "dead") if result == "success" else ("failed", "failed")))
        self._record("unit-stopped", result=result)
        self.log(f"Stopped {self.unit.description}.")

    async def _after_its_end(self) -> None:
        """Run ExecStopPost=, however the service has ended. What fails there is logged alone."""
        for command in self.unit.exec_stop_post:
            with contextlib.suppress(JobError):
                await self._run_to_end(command)

    async def _kill_rest(self, members: set[int]) -> None:
        """Kill what is left of a service; with KillMode=process only the main process."""
        if self.unit.kill_mode == "process":
            members = members & {self.main_pid}
        processes.send_signal(members, signal.SIGKILL)
        await self._until_gone(members)

    async def _until_gone(self, pids: set[int]) -> None:
        while pids & {process.pid for process in processes.table()}:
            await asyncio.sleep(_POLL)

    def _note_end(self, code: int) -> None:
        self.exit_code = code
        if _kind_of_end(code):
            self.log(f"{self.unit.name}: Main process exited, {_describe(code)}")

    def _change(self, active: str, sub: str) -> None:
        self.active, self.sub, self.since = active, sub, time.time()

    def _record(self, event: str, **details: str | bool) -> None:
        events.record("systemd", event, unit=self.unit.name, runs=self.unit.runs, **details)


def _limit(seconds: float) -> float | None:
    """A time-out for asyncio; None where there is none (`infinity`, and 0 by systemd's rule)."""
    return None if seconds in (0.0, float("inf")) else seconds


def _kind_of_end(code: int) -> str:
    """systemd's word for a failed end, empty for an orderly one."""
    if code == 0 or code in _ORDERLY:
        return ""
    return "signal" if code < 0 else "exit-code"


def _describe(code: int) -> str:
    if code < 0:
        return f"code=killed, status={-code}/{signal.Signals(-code).name.removeprefix('SIG')}"
    return f"code=exited, status={code}/{'FAILURE' if code == 1 else 'n/a'}"
