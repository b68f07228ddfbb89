"""The offline window: how long it was, or that nobody knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.machinery.window import OfflineWindow

MONTH = timedelta(days=29)


def _began(ago: timedelta) -> datetime:
    return datetime.now(UTC) - ago


def test_a_window_that_an_earlier_run_opened_began_with_that_run() -> None:
    window = OfflineWindow()
    began = _began(timedelta(hours=1))
    window.resumed(began, [3601.0])
    window.opened()
    window.closed()
    assert window.first_stop == began
    assert window.seconds == pytest.approx(3600, abs=5)


@pytest.mark.parametrize("ages", [(), (90.0,)])
def test_a_clock_that_was_ahead_makes_no_negative_window(ages: tuple[float, ...]) -> None:
    window = OfflineWindow()
    window.resumed(_began(-MONTH), ages)
    window.opened()
    window.closed()
    assert (window.first_stop, window.seconds) == (None, None)
    assert window.is_open


def test_a_clock_that_is_ahead_makes_no_window_of_a_month() -> None:
    """As the servers' own clocks tell, which count on."""
    window = OfflineWindow()
    window.resumed(_began(MONTH), [90.0])
    window.closed()
    assert (window.seconds, window.unknown) == (None, True)


def test_a_clock_that_was_set_back_in_the_window_makes_it_unknown() -> None:
    window = OfflineWindow(datetime.now(UTC) + MONTH)
    window.closed()
    assert window.seconds is None


def test_where_nothing_was_stopped_no_clock_matters() -> None:
    window = OfflineWindow()
    window.resumed(None, [1e9])
    assert not window.is_open


@given(st.timedeltas(-10 * MONTH, 10 * MONTH), st.lists(st.floats(-1e9, 1e9)))
def test_a_window_is_never_negative(ago: timedelta, ages: list[float]) -> None:
    window = OfflineWindow()
    window.resumed(_began(ago), ages)
    window.opened()
    window.closed()
    assert window.seconds is None or window.seconds >= 0
    assert window.is_open
