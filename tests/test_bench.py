"""What the benchmark makes of what it has measured."""

from __future__ import annotations

import pytest

from bench import results
from bench.window.rounds import Window, compared


def test_each_way_is_compared_with_the_first_one_of_its_round() -> None:
    found = [
        *(Window(0, "ours", 4.0), Window(0, "other", 8.0)),
        *(Window(1, "other", 5.0), Window(1, "ours", 5.0)),
        *(Window(2, "ours", 6.0), Window(2, "other", 2.0)),
    ]
    ours, other = compared(found)
    assert (ours.way, ours.seconds, ours.ratios) == ("ours", 5.0, [1.0, 1.0, 1.0])
    assert (other.way, other.seconds) == ("other", 5.0)
    assert other.ratios == pytest.approx([0.5, 1.0, 3.0])


def test_a_table_is_one_of_markdown() -> None:
    assert results.table(("a", "b"), [("1", "2")]) == ["| a | b |", "| --- | --- |", "| 1 | 2 |"]
