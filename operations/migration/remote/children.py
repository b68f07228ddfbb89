"""Programs that this one starts: what they say is shown, and they do not outlive it."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from typing import Callable, Deque, Dict, List, Optional, Tuple

from .failure import Failure, text

_LOOK = 0.5  # seconds between two calls of `watch`
_GRACE = 10  # seconds to end by itself after SIGTERM
_TAIL = 10  # last lines kept
_PR_SET_PDEATHSIG = 1


def run(
    command: List[bytes],
    cwd: bytes,
    environment: Optional[Dict[bytes, bytes]] = None,
    watch: Callable[[], None] = lambda: None,
) -> Tuple[int, str]:
    """Run a program to its end; its exit code (negative: a signal) and the last it said.

    + environment: variables beside those of this process
    + watch: called every now and then while it runs

    Raises Failure where it cannot be started.
    """
    last: Deque[str] = deque(maxlen=_TAIL)
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environb, **(environment or {}), b"LC_ALL": b"C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=_end_with_parent,
        )
    except OSError as error:
        raise Failure("{}: {}".format(text(command[0]), error.strerror)) from error
    reader = threading.Thread(target=_show, args=(process, last), daemon=True)
    reader.start()
    try:
        _wait(process, watch)
    except BaseException:
        _end(process)
        raise
    finally:
        reader.join(_GRACE)
    return process.returncode, "\n".join(last)


_prctl = ctypes.CDLL(None).prctl


def _end_with_parent() -> None:
    """A copier that outlived a killed job would write into what the next job looks at."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _show(process: "subprocess.Popen[bytes]", last: Deque[str]) -> None:
    if process.stdout is None:
        return
    for line in process.stdout:
        last.append(line.decode("utf-8", "backslashreplace").rstrip("\n"))
        print(last[-1], file=sys.stderr, flush=True)


def _wait(process: "subprocess.Popen[bytes]", watch: Callable[[], None]) -> None:
    while True:
        try:
            process.wait(_LOOK)
            return
        except subprocess.TimeoutExpired:
            watch()


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
