"""Virtual time: what happens next, and in which order."""

import pickle

from hypothesis import given
from hypothesis import strategies as st

from testbed.simulation.clock import Clock


class Part:
    """A part of a cluster to which something happens."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def happens(self, what: object) -> None:
        self.seen.append(what)


@given(st.lists(st.integers(0, 5)))
def test_all_happens_in_the_order_of_time_and_then_of_when_it_was_decided(
    delays: list[int],
) -> None:
    clock, part = Clock(), Part()
    for number, delay in enumerate(delays):
        clock.later(delay, part.happens, (delay, number))
    clock.pass_by(5)
    assert part.seen == sorted((delay, number) for number, delay in enumerate(delays))
    assert clock.now == 5


def test_what_happens_at_the_end_of_a_time_is_within_it_and_later_things_are_not() -> None:
    clock, part = Clock(), Part()
    clock.later(2.0, part.happens, "at its end")
    clock.later(2.1, part.happens, "after it")
    clock.pass_by(2.0)
    assert part.seen == ["at its end"]
    assert clock.next == 2.1


def test_what_happens_may_have_more_happen_within_the_same_time() -> None:
    clock, part = Clock(), Part()

    def again() -> None:
        part.happens(clock.now)
        clock.later(1.0, again)

    clock.later(1.0, again)
    clock.pass_by(3.0)
    assert part.seen == [1.0, 2.0, 3.0]


def test_what_is_forgotten_of_a_part_does_not_happen_and_all_else_does() -> None:
    clock, gone, stays = Clock(), Part(), Part()
    for delay in (3, 1, 2):
        clock.later(delay, gone.happens, delay)
        clock.later(delay, stays.happens, delay)
    clock.forget(gone)
    clock.pass_by(3)
    assert (gone.seen, stays.seen) == ([], [1, 2, 3])


def test_who_is_told_of_what_happens_is_told_to_whom() -> None:
    clock, part = Clock(), Part()
    told: list[object] = []
    clock.moved = told.append
    clock.later(1.0, part.happens, "it")
    clock.step()
    assert told == [part]


def test_a_clock_goes_on_in_another_process_with_all_that_is_under_way() -> None:
    clock, part = Clock(), Part()
    clock.later(1.0, part.happens, "it")
    clock.moved = lambda of: None  # who waits stays behind
    there, also = pickle.loads(pickle.dumps((clock, part)))
    there.pass_by(1.0)
    assert also.seen == ["it"]


def test_the_time_of_a_node_may_be_wrong() -> None:
    clock = Clock()
    clock.pass_by(60)
    assert (clock.at(-3600) - clock.at()).total_seconds() == -3600
