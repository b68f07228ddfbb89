"""Readings are made once for all hosts that ask at about the same time."""

from __future__ import annotations

import time

import gevent
from gevent.event import Event

from operations.machinery.shared import Shared


def test_a_reading_that_takes_long_is_made_once_for_all_that_wait() -> None:
    shared, go = Shared(), Event()
    made: list[int] = []

    def read() -> int:
        made.append(1)
        go.wait()
        return len(made)

    asking = [gevent.spawn(shared.get, "view", read, 0.0) for _ in range(20)]
    gevent.sleep(0)
    go.set()
    gevent.joinall(asking)
    assert {greenlet.value for greenlet in asking} == {1}


def test_a_reading_that_is_not_fresh_is_made_again() -> None:
    shared = Shared()
    assert shared.get("view", lambda: "old") == "old"
    assert shared.get("view", lambda: "new") == "old"
    assert shared.get("view", lambda: "new", fresh=-1) == "new"


def test_a_reading_is_as_old_as_it_says() -> None:
    shared = Shared()
    shared.get("view", lambda: "old", made=lambda: time.monotonic() - 1)
    assert shared.get("view", lambda: "new", fresh=60) == "old"
    assert shared.get("view", lambda: "new", fresh=0.9) == "new"


def test_a_reading_is_made_again_after_it_was_forgotten() -> None:
    shared = Shared()
    shared.get("view", lambda: "old")
    shared.forget()
    assert shared.get("view", lambda: "new") == "new"


def test_a_reading_that_failed_fails_for_all_that_wait() -> None:
    shared = Shared()

    def read() -> int:
        gevent.sleep(0)
        raise OSError("no answer")

    asking = [gevent.spawn(shared.get, "view", read) for _ in range(3)]
    gevent.joinall(asking)
    assert all(isinstance(greenlet.exception, OSError) for greenlet in asking)
