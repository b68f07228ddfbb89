"""A signal that ends a run: Ctrl-C, a `kill`, a terminal that is gone; once or many times.

The first one ends what is at work. All others are only remembered: the last words are under way.
"""

import atexit
import os
import signal
import sys
from contextlib import suppress
from types import FrameType

import gevent

# pyinfra would exit with 0 at a Ctrl-C; at the other two it would end without a word.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_LAST_WORDS = 120  # seconds that they may take; then the run ends without them

_came = 0  # the signal that came first
_count = 0  # how many have come
_more = False  # whether another one came, and was answered
_ending = False  # whether the run is at its end already


def watch() -> None:
    """Have signals end the run in an orderly way; config.py calls this."""
    for number in _SIGNALS:
        # What is to outlive its terminal ("nohup") was told so before it began.
        if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _noticed)
    signal.signal(signal.SIGALRM, _too_late)
    atexit.register(_before_all)


def came() -> bool:
    """Whether a signal has ended the run; what fails from then on fails since connections end."""
    return bool(_came)


def count() -> int:
    """How many signals have come; one more is for what has begun since it was asked."""
    return _count


def more_time(seconds: float) -> None:
    """The last words of a run may take these seconds from now on, and the usual time besides."""
    if _came:
        signal.setitimer(signal.ITIMER_REAL, _LAST_WORDS + seconds)


def exit_code() -> int:
    """The exit code of a run that was interrupted, as a shell has it; 0 if no signal has come."""
    return 128 + _came if _came else 0


def ending() -> None:
    """The run says its last words now: no signal stops them any more."""
    global _ending
    _ending = True


def _noticed(number: int, frame: FrameType | None) -> None:
    global _came, _count, _more
    first = not _came
    _count += 1
    _came = _came or number
    if _ending or not first:
        if not _more:
            _say("it is ending already: in a moment it says in what state the system is")
        _more = True
        return
    _say("ending")
    signal.setitimer(signal.ITIMER_REAL, _LAST_WORDS)
    _end()


def _end() -> None:
    """Raise SystemExit in the main greenlet, once: another would hand it on, again and again."""
    hub = gevent.get_hub()
    if gevent.getcurrent() is hub.parent:
        sys.exit(exit_code())
    hub.loop.run_callback_threadsafe(hub.parent.throw, SystemExit(exit_code()))


def _before_all() -> None:
    if _came and not _ending:  # there is no run yet that has last words
        _say("before any node was asked: nothing was stopped or changed")


def _too_late(number: int, frame: FrameType | None) -> None:
    _say("the state of the system cannot be told: type the same command again with --dry")
    os._exit(exit_code() or 1)


def _say(words: str) -> None:
    """Not by print: what is at work may be printing."""
    with suppress(OSError):  # the terminal is gone
        os.write(2, f"\n    Interrupted: {words}\n".encode())
