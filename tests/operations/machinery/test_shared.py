"""Readings are made once for all hosts that ask at about the same time."""

from __future__ import annotations

import time
import weakref

import gevent
import pytest
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


def test_what_takes_long_to_make_serves_longer_where_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared, now = Shared(), [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def read() -> float:
        now[0] += 10
        return now[0]

    assert shared.get("view", read, fresh=5, as_long=4) == 110
    now[0] = 150
    assert shared.get("view", read, fresh=5, as_long=4) == 110
    assert shared.get("view", read, fresh=5) == 160
    now[0] = 201
    assert shared.get("view", read, fresh=5, as_long=4) == 211


def test_a_reading_is_made_again_after_it_was_forgotten() -> None:
    shared = Shared()
    shared.get("view", lambda: "old")
    shared.forget()
    assert shared.get("view", lambda: "new") == "new"


def test_a_reading_serves_its_own_turn_alone_and_is_not_kept_after_it() -> None:
    shared = Shared()

    class Reading:
        pass

    kept = weakref.ref(shared.get("view", Reading, turn="stop"))
    assert shared.get("view", Reading, turn="stop") is kept()
    assert shared.get("view", lambda: "new", turn="update") == "new"
    assert kept() is None


def test_what_ends_after_its_turn_says_nothing_of_the_next_one() -> None:
    shared, go = Shared(), Event()
    late = gevent.spawn(shared.get, "view", lambda: go.wait() and "old", turn="stop")
    gevent.sleep(0)
    assert shared.get("view", lambda: "new", turn="update", made=lambda: 0.0) == "new"
    go.set()
    late.join()
    assert shared.get("view", lambda: "newer", turn="update") == "newer"


def test_a_reading_that_failed_fails_for_all_that_wait() -> None:
    shared = Shared()

    def read() -> int:
        gevent.sleep(0)
        raise OSError("no answer")

    asking = [gevent.spawn(shared.get, "view", read) for _ in range(3)]
    gevent.joinall(asking)
    assert all(isinstance(greenlet.exception, OSError) for greenlet in asking)
