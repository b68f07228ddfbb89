"""Real processes of an ordinary user (uid 65534), called and made as no honest program is."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...users import NOBODY, become

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_PR_SET_NAME = 15
_SHARED, _ANONYMOUS = 0x01, 0x22


@contextmanager
def running(
    prepare: Callable[[], object], uid: int = NOBODY, then: Callable[[], object] = int
) -> Iterator[int]:
    """A process that does nothing for a while; its process id.

    + prepare: what it does before it gives its rights away
    + then: what it does after
    """
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(ours)
            kept = prepare()
            become(uid)
            then()
            os.write(theirs, b"." if kept is not False else b"!")
            while True:
                signal.pause()
        finally:
            os._exit(1)
    os.close(theirs)
    try:
        assert os.read(ours, 1) == b"."
        yield pid
    finally:
        os.close(ours)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def called(name: bytes) -> None:
    """Be called this."""
    _checked(_libc.prctl(_PR_SET_NAME, ctypes.c_char_p(name), 0, 0, 0))


def mapping(library: Path) -> mmap.mmap:
    """Have a file mapped."""
    library.write_bytes(b"x")
    with library.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)


def hiding(file: Path) -> None:
    """Have whoever looks at the memory of this process wait until a file on a dead FUSE is written.

    One thread gives up what it has written there, which the kernel does under the lock on the map
    of that memory; another one waits for this lock, and who comes after it waits behind.
    """
    size = mmap.PAGESIZE
    there = _mapped(size, _SHARED, os.open(file, os.O_RDWR))
    ctypes.memset(there, 1, 1)
    # Both have begun before the first acts: a thread's stack is mapped under the same lock.
    for after, do in (
        (0.3, lambda: _libc.munmap(ctypes.c_void_p(there), ctypes.c_size_t(size))),
        (0.6, lambda: _mapped(size, _ANONYMOUS, -1)),
    ):
        threading.Timer(after, do).start()
    time.sleep(0.9)  # nobody can see a thread reach its lock


def _mapped(size: int, how: int, handle: int) -> int:
    at = _libc.mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, how, handle, 0)
    assert at is not None
    return int(at)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
