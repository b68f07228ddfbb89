"""What pyinfra and paramiko do at length, and nobody needs: done in short."""

import hmac
import sys
from functools import cache
from types import FrameType
from typing import NamedTuple

import paramiko.util
from pyinfra.api import arguments, util


class Place(NamedTuple):
    """Where a frame is: its file as it was compiled, and the line."""

    filename: str
    lineno: int


def take() -> None:
    """Take them from here on, in this process."""
    # pyinfra tells the order of steps by the lines of their callers. That `inspect` looks for the
    # source of each of them, too, takes longer than all the rest of a plan.
    util.stack = _stack  # type: ignore[assignment]
    util.getframeinfo = _place  # type: ignore[assignment]
    # And it works out anew, for each command on each node, which arguments an operation can have.
    arguments.all_global_arguments = cache(arguments.all_global_arguments)
    # paramiko compares the code of every message byte by byte.
    paramiko.util.constant_time_bytes_eq = hmac.compare_digest  # type: ignore[assignment]


def _stack() -> list[tuple[FrameType]]:
    """The frames from the caller's on, outwards: what pyinfra takes of `inspect.stack`."""
    frame: FrameType | None = sys._getframe(1)
    frames = []
    while frame:
        frames.append((frame,))
        frame = frame.f_back
    return frames


def _place(frame: FrameType) -> Place:
    return Place(frame.f_code.co_filename, frame.f_lineno)
