"""A line a step: nodes done of nodes concerned, seconds, the slowest node."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from operations.reporting.console import came_of

BEGIN = datetime(2026, 11, 30, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def step(ends: dict[str, float | None], failed: list[str], end: float) -> dict[str, Any]:
    times = {name: [BEGIN, None if it is None else at(it)] for name, it in ends.items()}
    seconds = {name: (0.0, it) for name, it in ends.items()}
    return {"start": BEGIN, "end": at(end), "times": times, "failed": failed, "seconds": seconds}


def test_all_have_done_it_and_one_was_the_slowest() -> None:
    done = step({"c1": 1.0, "c2": 3.2, "c3": 2.0}, [], 3.3)
    assert came_of(done, frozenset(done["times"])) == "3 of 3 nodes  3.3 s  slowest c2 3.2 s"


def test_of_one_node_nobody_asks_which_is_the_slowest() -> None:
    assert came_of(step({"a1": 1.0}, [], 1.0), frozenset({"a1"})) == "1 of 1 node  1.0 s"


def test_a_node_that_did_not_need_it_is_not_counted() -> None:
    done = step({"c1": 1.0, "c2": 0.1}, [], 1.0)
    assert came_of(done, frozenset({"c1"})).startswith("1 of 1 node ")
    assert came_of(done, frozenset()) == "nothing to do"


def test_who_has_failed_is_named_and_who_has_not_ended_is_not_counted() -> None:
    done = step({"c1": 1.0, "c2": 2.0, "c3": None}, ["c2"], 4.0)
    assert came_of(done, frozenset(done["times"])) == "1 of 3 nodes  4.0 s  FAILED on c2"


def test_a_gate_refuses_before_anybody_is_known_to_need_it() -> None:
    done = step({"c1": 1.0, "c2": 1.0}, ["c1", "c2"], 1.0)
    assert came_of(done, frozenset()) == "0 of 2 nodes  1.0 s  FAILED on c[1-2]"


def test_a_signal_came_meanwhile() -> None:
    begun = step({"c1": 1.0, "c2": None}, [], 1.0)
    assert came_of(begun, frozenset(begun["times"]), True) == "1 of 2 nodes  1.0 s  interrupted"
    assert came_of(begun, frozenset(), True) == "interrupted"
