"""Functions that are replaced, however they are held and whatever they are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .replaced import find, made, swap


def test_one_that_was_taken_before_is_replaced_too() -> None:
    def gate(view: str) -> list[str]:
        return [view]

    held = {"gate": gate}
    swap(gate, made("lambda original, *args: []"))
    assert held["gate"]("running") == []


def test_the_original_can_be_asked_with_names_and_defaults() -> None:
    def ask(line: str, timeout: int = 60, *, quiet: bool = False) -> tuple[str, int, bool]:
        return line, timeout, quiet

    swap(ask, made("lambda original, *args, **named: (original(*args, **named), 'seen')"))
    assert ask("stop", quiet=True) == (("stop", 60, True), "seen")
    assert ask(line="stop", timeout=5) == (("stop", 5, False), "seen")


def test_the_steps_are_generators() -> None:
    def act(node: str) -> Iterator[str]:
        yield f"stop {node}"

    swap(act, made("lambda original, *args: chain(original(*args), ['erase'])"))
    assert list(act("login-01")) == ["stop login-01", "erase"]


def test_a_method() -> None:
    class Run:
        target = "2.0.3"

        def outdated(self, version: str) -> bool:
            return version != self.target

    run = Run()
    swap(Run.outdated, made("lambda original, run, version: not original(run, version)"))
    assert [run.outdated("2.0.1"), run.outdated("2.0.3")] == [False, True]


def test_what_was_replaced_is_replaced_again() -> None:
    def words() -> list[str]:
        return ["original"]

    swap(words, made("lambda original: [*original(), 'first']"))
    swap(words, made("lambda original: [*original(), 'second']"))
    assert words() == ["original", "first", "second"]


def test_a_name_is_that_of_one_function() -> None:
    assert find("packages._outdated") is find("operations.packages._outdated")
    with pytest.raises(AssertionError, match="no function nowhere"):
        find("nowhere")
    with pytest.raises(AssertionError, match="several functions held: "):
        find("held")
