"""A file system with one file, to which nothing is ever written to the end: a FUSE that hangs."""

from __future__ import annotations

import ctypes
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_FORCE, _DETACH = 1, 2
_SIZE = 4096
# The calls, see fuse(4).
_LOOKUP, _FORGET, _GETATTR, _OPEN, _READ, _WRITE, _INIT, _FORGET_ALL = 1, 2, 3, 14, 15, 16, 26, 42
_ENOSYS = 38
_NO_ANSWER = {_WRITE, _FORGET, _FORGET_ALL}


@contextmanager
def mounted(folder: Path) -> Iterator[Path]:
    """Mounted for everybody; the path of its file. What waits for it does so until this ends."""
    folder.mkdir()
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
    if _libc.mount(b"hanging", os.fsencode(folder), b"fuse", 0, options.encode()):
        raise OSError(ctypes.get_errno(), "mount")
    threading.Thread(target=_serve, args=[device], daemon=True).start()
    try:
        yield folder / "file"
    finally:
        _libc.umount2(os.fsencode(folder), _FORCE)  # whoever waits for it is told that it is gone
        _libc.umount2(os.fsencode(folder), _DETACH)
        os.close(device)


def _serve(device: int) -> None:
    while True:
        try:
            request = os.read(device, 1 << 20)
        except OSError:  # it is over
            return
        _, call, unique, node = struct.unpack_from("=IIQQ", request)
        if call in _NO_ANSWER:
            continue
        answer = _answer(call, node)
        error = 0 if answer else -_ENOSYS
        os.write(device, struct.pack("=IiQ", 16 + len(answer), error, unique) + answer)


def _answer(call: int, node: int) -> bytes:
    if call == _INIT:
        return struct.pack("=IIIIHHI", 7, 31, 0, 0, 0, 0, 4096) + bytes(40)
    if call == _LOOKUP:
        return struct.pack("=QQQQII", 2, 0, 60, 60, 0, 0) + _attributes(2)
    if call == _GETATTR:
        return struct.pack("=QII", 60, 0, 0) + _attributes(node)
    if call == _READ:
        return bytes(_SIZE)
    if call == _OPEN:
        return struct.pack("=QII", 1, 0, 0)
    return b""


def _attributes(node: int) -> bytes:
    mode = 0o40755 if node == 1 else 0o100666
    return struct.pack("=QQQQQQIIIIIIIIII", node, _SIZE, 8, *[0] * 6, mode, 1, 0, 0, 0, 4096, 0)
