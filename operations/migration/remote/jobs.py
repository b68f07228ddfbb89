"""Commands that go on when the connection that started them ends; one at a time in a folder.

The folder holds: `lock`, which the job holds by flock(2) as long as it lives, so that nobody has to
clean up after it; `command.json`; `progress.json`; `result.json`, written at its end; and `log`.
"""

import contextlib
import fcntl
import os
import signal
import sys
import time
import traceback
from typing import Any, Callable, Dict, List, Tuple

from . import files
from .failure import Failure, text
from .progress import Progress

Answer = Tuple[int, Dict[str, Any]]
Work = Callable[[List[str], Progress], Answer]

_LOCK, _LOG = b"lock", b"log"
_COMMAND, _PROGRESS, _RESULT = b"command.json", b"progress.json", b"result.json"
_SHOWN = 4096  # bytes of the log
_LINES = 20
_LOOKS = 5  # at the lock, since a poll holds it for a moment, too
_PAUSE = 0.1  # seconds between two looks
_GRACE = 15  # seconds that a job may take to end after SIGTERM


def start(folder: bytes, command: List[str], work: Work) -> Dict[str, Any]:
    """Start a job, unless one runs in this folder: then that one is what the answer is about.

    + command: what `work` is given
    + work: does it, and returns exit code and answer; it does not raise
    """
    os.makedirs(folder, exist_ok=True)
    lock = os.open(_in(folder, _LOCK), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _taken(lock):
            running = files.load(_in(folder, _COMMAND)) or {}
            return {"running": True, "attached": True, "command": running.get("command")}
        for name in (_RESULT, _PROGRESS):
            files.forget(_in(folder, name))
        _detach(folder, command, work, lock)
    finally:
        os.close(lock)
    return {"running": True, "attached": False, "command": command}


def poll(folder: bytes, wait: float = 0.0) -> Dict[str, Any]:
    """How a job is doing, or did. It says nothing itself: what it left in the folder does.

    + wait: seconds to wait for its end first

    The state is "running"; "done", with exit code 0 or 1; "failed", with 2; "gone" where it ended
    without a result, as when it was killed or the machine went down; "none" where there was none.
    """
    deadline = time.monotonic() + wait
    running = _held(folder)
    while running and time.monotonic() < deadline:
        time.sleep(_PAUSE)
        running = _held(folder)
    began = files.load(_in(folder, _COMMAND)) or {}
    ended = {} if running else files.load(_in(folder, _RESULT)) or {}
    if running:
        state = "running"
    elif ended:
        state = "done" if ended["exit"] in (0, 1) else "failed"
    else:
        state = "gone" if began else "none"
    return {
        "state": state,
        "exit": ended.get("exit"),
        "command": began.get("command"),
        "progress": files.load(_in(folder, _PROGRESS)),
        "result": ended.get("result"),
        "log": _tail(_in(folder, _LOG)),
    }


def stop(folder: bytes) -> Dict[str, Any]:
    """End a job with all that it has started. Raises Failure where it does not end."""
    was_running = _held(folder)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not _held(folder):
            break
        _send(folder, number)
        deadline = time.monotonic() + _GRACE
        while _held(folder) and time.monotonic() < deadline:
            time.sleep(_PAUSE)
    if _held(folder):
        raise Failure(
            "the job in {} does not end, even killed: it waits for a file system (see `dmesg` and "
            "`ps -e -o pid,stat,wchan:30,args`)".format(text(folder))
        )
    return {"stopped": was_running, "state": poll(folder)["state"]}


def running(folders: bytes, command: str) -> bool:
    """Whether a job with this command runs in any folder of a folder."""
    if not os.path.isdir(folders):
        return False
    for folder in (os.path.join(folders, name) for name in os.listdir(folders)):
        begun = files.load(_in(folder, _COMMAND)) if os.path.isdir(folder) else None
        if begun and begun["command"][:1] == [command] and _held(folder):
            return True
    return False


def _in(folder: bytes, name: bytes) -> bytes:
    return os.path.join(folder, name)


def _taken(lock: int) -> bool:
    for _ in range(_LOOKS):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(_PAUSE)
    return False


def _held(folder: bytes) -> bool:
    try:
        lock = os.open(_in(folder, _LOCK), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(lock)


def _detach(folder: bytes, command: List[str], work: Work, lock: int) -> None:
    """The lock goes over to the job, since a fork shares it."""
    ready, tell = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            if os.fork() == 0:
                _become_job(folder, command, work, lock, tell)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(0)
    os.close(tell)
    os.waitpid(child, 0)
    started = os.read(ready, 1)
    os.close(ready)
    if not started:
        raise Failure(
            "the job in {} did not start: {}".format(text(folder), _tail(_in(folder, _LOG)))
        )


def _become_job(folder: bytes, command: List[str], work: Work, lock: int, tell: int) -> None:
    """Run it in this process, which ends with it. Nothing that was open stays open."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    log = os.open(_in(folder, _LOG), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    for number, replaced in enumerate((nothing, log, log)):
        os.dup2(replaced, number)
    for number in map(int, os.listdir("/proc/self/fd")):
        if number > 2 and number not in (lock, tell):
            with contextlib.suppress(OSError):  # the one that listed them is closed already
                os.close(number)
    group = {"command": command, "process": os.getpid(), "group": os.getpgrp()}
    files.save(_in(folder, _COMMAND), group)
    os.write(tell, b".")
    os.close(tell)
    progress = Progress(_in(folder, _PROGRESS))
    code, answer = work(command, progress)
    progress.finish()
    files.save(_in(folder, _RESULT), {"exit": code, "result": answer})


def _send(folder: bytes, number: int) -> None:
    group = (files.load(_in(folder, _COMMAND)) or {}).get("group")
    if group:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)


def _tail(path: bytes) -> str:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _SHOWN))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(text(line) for line in lines[-_LINES:])
