"""What a node was seen to have is known until something is done there, and no longer."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.daos.node import Node
from operations.machinery import looks
from operations.machinery.looks import Looks, Seen

OLD, NEW = (Node("n1", "rhel 8.5"), ""), (Node("n1", "rhel 8.6"), "")


def finds(seen: Seen) -> Callable[[], Seen]:
    return lambda: seen


def test_a_look_serves_until_something_is_done() -> None:
    known = Looks()
    known.at("n1", finds(OLD))
    assert known.at("n1", finds(NEW), fresh=60) is OLD
    known.forget("n2")
    assert known.at("n1", finds(NEW), fresh=60) is OLD
    known.forget("n1")
    assert known.at("n1", finds(NEW), fresh=60) is NEW
    known.forget()
    assert known.at("n1", finds(OLD), fresh=60) is OLD


def test_whoever_wants_to_know_it_now_looks() -> None:
    known = Looks()
    known.at("n1", finds(OLD))
    assert known.at("n1", finds(NEW)) is NEW


def test_a_look_during_which_something_was_done_serves_nobody_else() -> None:
    known = Looks()

    def meanwhile() -> Seen:
        known.forget("n1")
        return OLD

    assert known.at("n1", meanwhile) is OLD
    assert known.at("n1", finds(NEW), fresh=60) is NEW


def test_of_two_looks_at_once_the_later_one_serves() -> None:
    known = Looks()

    def meanwhile() -> Seen:
        known.at("n1", finds(NEW))
        return OLD

    known.at("n1", meanwhile)
    assert known.at("n1", finds(OLD), fresh=60) is NEW


def test_no_answer_serves_nobody_and_ends_what_was_known() -> None:
    known = Looks()
    known.at("n1", finds(OLD))
    known.at("n1", finds((None, "it hangs")))
    assert known.at("n1", finds(NEW), fresh=60) is NEW
    assert known.oldest(["n2"]) == float("inf")


def test_how_old_it_may_be_and_which_is_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    now = {"now": 100.0}
    monkeypatch.setattr(looks, "time", SimpleNamespace(monotonic=lambda: now["now"]))
    known = Looks()
    known.at("n1", finds(OLD))
    now["now"] = 101.0
    known.at("n2", finds(OLD))
    assert known.oldest(["n1", "n2", "n3"]) == 100.0
    assert known.at("n1", finds(NEW), fresh=1.0) is OLD
    now["now"] = 101.1
    assert known.at("n1", finds(NEW), fresh=1.0) is NEW
    assert known.oldest(["n1", "n2"]) == 101.0


@given(st.lists(st.floats(0.1, 1000), min_size=1, max_size=40), st.randoms())
def test_those_that_are_slow_do_not_count(seconds: list[float], random: Random) -> None:
    """Fewer than half of them."""
    names = [f"n{number}" for number in range(len(seconds))]
    slow = random.sample(names, (len(names) - 1) // 2)
    known, now = Looks(), {"now": 0.0}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(looks, "time", SimpleNamespace(monotonic=lambda: now["now"]))
        for name, its in zip(names, seconds, strict=True):
            now["now"] = 100.0 + (2000.0 if name in slow else its)
            known.at(name, finds(OLD))
        known.learns(100.0, names)
    usual = [its for name, its in zip(names, seconds, strict=True) if name not in slow]
    assert 0 < known.takes < 2 * max(usual)


def test_what_some_take_says_nothing_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    now = {"now": 100.0}
    monkeypatch.setattr(looks, "time", SimpleNamespace(monotonic=lambda: now["now"]))
    known, names = Looks(), ["n1", "n2", "n3", "n4"]
    for name in names:
        now["now"] += 1.0
        known.at(name, finds(OLD))
    known.learns(100.0, names)
    assert known.takes == 4.0
    known.learns(102.5, names)  # two of them were looked at before that
    assert known.takes == 4.0
