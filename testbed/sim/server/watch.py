"""Watching engines: the leader connects to every joined engine's fabric port, round after round.

Stands for the engines' own protocol (SWIM). A connection that is refused means that the engine is
gone; one that hangs means that its node is, which takes longer to be sure of.
"""

import contextlib
import select
import socket
import time
from collections.abc import Callable

from ..common.wire import endpoint
from ..model import System

ROUND = 0.6  # seconds between two rounds
_HANG = 1.0  # seconds after which a connection is taken to hang
_REFUSALS = 2  # rounds in a row
_HANGS = 4


def run(led: Callable[[], System | None], lost: Callable[[int, int], None]) -> None:
    """For ever: call `lost(rank, incarnation)` for every engine that vanished.

    `led` is the system, None while this server does not lead its management service.
    """
    strikes: dict[tuple[int, int], float] = {}
    while True:
        time.sleep(ROUND)
        system = led()
        if system is None:
            strikes = {}
            continue
        joined = [system.members[rank] for rank in system.joined()]
        engines = {(m.rank, m.incarnation): endpoint(m.fabric_uri) for m in joined}
        bad = _unreachable(engines)
        strikes = {engine: strikes.get(engine, 0) + weight for engine, weight in bad.items()}
        for engine, weight in strikes.items():
            if weight >= 1:
                lost(*engine)


def _unreachable(engines: dict[tuple[int, int], tuple[str, int]]) -> dict[tuple[int, int], float]:
    """Connect to all at once. The engines that did not answer, and how bad a sign that is."""
    poll = select.poll()
    waiting: dict[int, tuple[tuple[int, int], socket.socket]] = {}
    for engine, where in engines.items():
        sock = socket.socket()
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError, OSError):
            sock.connect(where)
        poll.register(sock, select.POLLOUT)
        waiting[sock.fileno()] = (engine, sock)
    until = time.monotonic() + _HANG
    bad = {}
    while waiting and (left := until - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(left * 1000):
            engine, sock = waiting.pop(descriptor)
            poll.unregister(descriptor)
            if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                bad[engine] = 1 / _REFUSALS
            sock.close()
    for engine, sock in waiting.values():
        bad[engine] = 1 / _HANGS
        sock.close()
    return bad
