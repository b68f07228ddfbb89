"""A process that has all of dmg loaded, and forks for each further call of it.

The real dmg is there in 20 ms; Python needs longer than that to load gRPC alone. So the first dmg
of a node leaves this behind, and /usr/bin/dmg (packages/files/dmg.c) hands its files over to it.
The forked process has what the caller has, and dies with it.
"""

import fcntl
import gc
import os
import select
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from typing import NoReturn

from ..common import release
from . import dmg

Run = Callable[[list[str]], int]

NAME = b"lab-warm"  # for ps and pgrep, which must not take this for a dmg
_IDLE = 300.0  # seconds without a call, after which it ends
_LOOK = 2.0  # seconds between two looks at what is installed


def main(argv: list[str]) -> int:
    """Be dmg where nothing is warm yet; where it is root's, the next one will find it so."""
    if os.geteuid() == 0:
        import uuid  # noqa: F401 - what commands load when they need it

        from ..protocol import management  # noqa: F401

        dmg.dialect()
        keep(dmg.main)
    return dmg.main(argv)


def address() -> str:
    """Where it listens: no file, and not where the dmg of another release would ask."""
    return f"\0lab-dmg-{release.installed()}"


def keep(run: Run) -> None:
    """Leave a process behind that does `run` for whoever calls; all that it needs is loaded.

    gRPC must not have been used yet, since it does not outlive a fork.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with listener:
        try:
            listener.bind(address())
        except OSError:  # there is one, which may be about to end
            return
        listener.listen(64)
        if os.fork():
            return
        try:
            _detach(listener.fileno())
            _serve(listener, run)
        finally:
            os._exit(0)


def _detach(listener: int) -> None:
    """Hold nothing of the caller: its session, folder, files, name and arguments."""
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    os.closerange(3, listener)
    os.closerange(listener + 1, os.sysconf("SC_OPEN_MAX"))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a fork has ended
    gc.freeze()  # what is loaded stays shared with the forks
    with open("/proc/self/comm", "wb") as comm:  # noqa: PTH123 - loaded for nothing else
        comm.write(NAME)
    with open("/proc/self/stat") as stat:  # noqa: PTH123
        start, end = map(int, stat.read().rpartition(")")[2].split()[45:47])
    with open("/proc/self/mem", "r+b", buffering=0) as memory:  # noqa: PTH123
        memory.seek(start)
        memory.write(NAME.ljust(end - start, b"\0"))


def _serve(listener: socket.socket, run: Run) -> None:
    """Fork for each caller, until nobody calls any more or other packages are installed."""
    ours = release.installation()
    listener.settimeout(_LOOK)
    until = time.monotonic() + _IDLE
    while time.monotonic() < until:
        caller = _next(listener)
        if release.installation() != ours:
            return  # a caller that waits runs what is installed now
        if caller and not os.fork():
            listener.close()
            _stand_in(caller, run)
        if caller:
            caller.close()
            until = time.monotonic() + _IDLE


def _next(listener: socket.socket) -> socket.socket | None:
    try:
        return listener.accept()[0]
    except TimeoutError:
        return None


def _stand_in(caller: socket.socket, run: Run) -> NoReturn:
    """Do what the caller was called for, and tell it the exit code."""
    try:
        argv = _take_over(caller)
        caller.send(b"\0")  # from now on it will not run dmg itself
    except OSError:
        os._exit(1)
    code = 1
    try:
        code = run(argv)
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os.closerange(0, 3)  # who reads the output sees its end no later than the caller's
        caller.send(bytes([code]))
        os._exit(0)


def _take_over(caller: socket.socket) -> list[str]:
    """Become what the caller is, and die when it does; its arguments. Raises OSError."""
    pid, uid, _ = struct.unpack("3i", caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if uid != os.geteuid():
        raise PermissionError(f"process {pid} is of user {uid}")
    for number, received in enumerate(socket.recv_fds(caller, 1, 3)[1]):
        os.dup2(received, number)
        os.close(received)
    for number in (signal.SIGCHLD, signal.SIGIO):
        signal.signal(number, signal.SIG_DFL)
    fcntl.fcntl(caller, fcntl.F_SETOWN, os.getpid())  # SIGIO comes when the caller is gone
    fcntl.fcntl(caller, fcntl.F_SETFL, os.O_ASYNC)
    if select.select([caller], [], [], 0)[0]:
        raise ConnectionResetError  # it was gone before
    sys.stdout.reconfigure(line_buffering=os.isatty(1))  # type: ignore[union-attr]
    os.chdir(f"/proc/{pid}/cwd")
    os.environ.clear()
    for name, equals, value in (pair.partition("=") for pair in _words(pid, "environ")):
        if name and equals:
            os.environ[name] = value
    return _words(pid, "cmdline")[1:]


def _words(pid: int, what: str) -> list[str]:
    with open(f"/proc/{pid}/{what}", "rb") as file:  # noqa: PTH123
        return [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]
