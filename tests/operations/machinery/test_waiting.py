"""How often a run looks whether what it waits for is so."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from operations.machinery.run import pause

seconds = st.floats(min_value=0, max_value=3600)


@given(seconds)
def test_nobody_waits_longer_than_a_tenth_more_or_two_seconds(waited: float) -> None:
    assert 0 < pause(waited) <= max(0.1, min(0.1 * waited, 2))


def test_a_wait_of_many_minutes_is_no_storm_of_questions() -> None:
    looks, waited = 0, 0.0
    while waited < 1800:
        waited += pause(waited)
        looks += 1
    assert looks < 1000
