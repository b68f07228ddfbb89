"""Processes of services: starting them, noticing their end, finding all that belong to one.

A container has no control groups of its own, so the processes of a service are those of the
session that its main process leads, and their descendants.
"""

import asyncio
import grp
import os
import pwd
import signal
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


class Reaper:
    """Collects every child that ended; PID 1 inherits those that nobody else waits for."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[int]] = {}

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to collect."""
        loop.add_signal_handler(signal.SIGCHLD, self._collect)

    def end_of(self, pid: int) -> asyncio.Future[int]:
        """The future exit code of a child (negative: the signal that killed it).

        To be asked for right after the start, before the event loop runs again.
        """
        return self._waiting.setdefault(pid, asyncio.get_running_loop().create_future())

    def _collect(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            waiting = self._waiting.pop(pid, None)
            if waiting and not waiting.done():
                waiting.set_result(os.waitstatus_to_exitcode(status))


def spawn(
    argv: Iterable[str],
    *,
    user: str,
    group: str,
    directory: str,
    environment: Mapping[str, str],
    output: int,
) -> int:
    """Start a program as the leader of a session of its own; give its pid.

    Raises OSError where it cannot be run, KeyError where the user or group does not exist.
    """
    account = pwd.getpwnam(user)
    group_id = grp.getgrnam(group).gr_gid if group else account.pw_gid
    child = subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd=directory,
        env={
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
            "LANG": "C.UTF-8",
            "HOME": account.pw_dir,
            "LOGNAME": user,
            "USER": user,
            **environment,
        },
        start_new_session=True,
        user=account.pw_uid,
        group=group_id,
        extra_groups=os.getgrouplist(user, group_id),
    )
    child.returncode = 0  # the reaper waits for it, this object must not
    return child.pid


@dataclass(frozen=True)
class Process:
    """A line of the process table."""

    pid: int
    parent: int
    session: int


def parse_stat(text: str) -> Process | None:
    """Read /proc/PID/stat, see proc(5); None for a zombie, which nothing can be done about."""
    pid, _, rest = text.partition(" ")
    # The name is in parentheses and may hold anything, so count from its end.
    state, parent, _, session = rest.rpartition(")")[2].split()[:4]
    return None if state in "ZX" else Process(int(pid), int(parent), int(session))


def table() -> list[Process]:
    """All processes that are alive."""
    found = []
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            process = parse_stat((entry / "stat").read_text(errors="replace"))
        except OSError:  # it ended in between
            continue
        if process:
            found.append(process)
    return found


def belonging_to(main: int, processes: Iterable[Process]) -> set[int]:
    """The pids of a service: its main process, its session, and all their descendants."""
    rows = list(processes)
    members = {row.pid for row in rows if row.pid == main or row.session == main}
    while True:
        more = {row.pid for row in rows if row.parent in members} - members
        if not more:
            return members
        members |= more


def send_signal(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to each process that still exists."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
