"""What the report page draws: who waited for whom, where all goes, which nodes share a row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.reporting import history, timeline
from operations.reporting.page import page

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def phase(name: str, begin: float, end: float | None, /, **seconds: Sequence[float | None]) -> Any:
    """A step as it stands in a report; `seconds` by node, since its begin."""
    return {
        "name": name,
        "start": at(begin),
        "end": None if end is None else at(end),
        "hosts": sorted(seconds),
        "changed": sorted(seconds),
        "failed": [],
        "seconds": seconds,
    }


def report(phases: list[Any], /, **roles: str) -> dict[str, Any]:
    """A report of a run that updated; `roles` by node."""
    node = {"version_before": "2.0.1", "version_after": "2.0.3", "rpmnew": []}
    return {
        "from_version": "2.0.1",
        "to_version": "2.0.3",
        "outcome": "updated",
        "offline_window_s": None,
        "started": at(-1),
        "ended": None,
        "phases": phases,
        "hosts": {name: {**node, "roles": [role]} for name, role in roles.items()},
        "refusals": [],
        "failures": [],
    }


TWO_STEPS = [
    phase("update", 0, 10, s1=[0, 4], s2=[1, 9.5]),
    phase("nothing", 10, 11),
    phase("start", 11, 14, s1=[0, 3]),
]


def test_a_node_waits_for_the_slowest_one_of_each_step() -> None:
    course = history.read(report(TWO_STEPS, s1="servers", s2="servers", c1="clients"))
    assert [step.slowest for step in course.steps] == ["s2", "s1"]
    waits = {
        name: (wait.total, wait.longest, wait.step.number) for name, wait in course.waits.items()
    }
    assert waits == {"s1": (5.5, 5.5, 1), "s2": (3.0, 3.0, 2), "c1": (12.5, 9.5, 1)}


def test_a_step_in_which_nobody_acted_is_left_out() -> None:
    course = history.read(report(TWO_STEPS, s1="servers"))
    assert [(step.number, step.name) for step in course.steps] == [(1, "update"), (2, "start")]


def test_a_part_that_did_not_end_lasts_until_the_run_ended() -> None:
    cut = {
        **report([phase("update", 0, None, s1=[0, 1], s2=[0, None])], s1="servers"),
        "ended": at(8),
    }
    (step,) = history.read(cut).steps
    assert step.ended("s2") == 8
    (section,) = timeline.draw(history.read(cut), {"servers": ["s1", "s2"]}).sections
    assert [row.bars[0].state for row in section.rows] == ["", "cut"]


def test_a_report_without_each_nodes_times_has_bars_as_long_as_the_steps() -> None:
    old = {
        key: value for key, value in phase("update", 2, 6, s1=[0, 1]).items() if key != "seconds"
    }
    (step,) = history.read(report([old], s1="servers")).steps
    assert step.nodes == {"s1": history.NodeStep(0, 4)}


@pytest.mark.parametrize(
    ("window", "outcome", "band"),
    [
        ((2, 8), "updated", (20, 80, False)),
        ((-3600, 8), "updated", (0, 80, False)),  # an earlier run opened it
        ((2, None), "failed", (20, 100, True)),
        ((2, 8), "failed", (20, 100, True)),  # some agents were started, not all
    ],
)
def test_the_offline_window_is_marked(
    window: tuple[float, float | None], outcome: str, band: tuple[float, float, bool]
) -> None:
    begin, end = window
    times = {"start": at(begin), "end": None if end is None else at(end)}
    course = history.read(
        {
            **report([phase("start", 0, 10, s1=[0, 10])], s1="servers"),
            "offline_window": times,
            "outcome": outcome,
        }
    )
    drawn = timeline.draw(course, {"servers": ["s1"]}).band
    assert drawn
    assert (drawn.x, drawn.end, drawn.open) == pytest.approx(band)


@pytest.mark.parametrize("outcome", ["updated", "failed"])
def test_a_window_that_began_nobody_knows_when_has_no_length_and_no_place(outcome: str) -> None:
    odd = {
        **report([phase("start", 0, 10, s1=[0, 10])], s1="servers"),
        "outcome": outcome,
        "offline_window": {"start": None, "end": at(8)},
        "offline_window_s": None,
    }
    assert "offline <b>for an unknown time</b>" in page(odd)
    assert history.read(odd).window is None


def test_a_window_that_did_not_end_is_not_said_to_have_a_length() -> None:
    failed = {
        **report([phase("start", 0, 10, s1=[0, 10])], s1="servers"),
        "outcome": "failed",
        "offline_window": {"start": at(2), "end": at(8)},
        "offline_window_s": 6.0,
    }
    assert "offline since <b>12:00:02 UTC</b>" in page(failed)


def rows(course: history.History, roles: dict[str, list[str]]) -> list[tuple[str, int]]:
    drawn = timeline.draw(course, roles)
    return [(row.name, row.nodes) for section in drawn.sections for row in section.rows]


@pytest.mark.parametrize(("count", "expected"), [(40, 40), (41, 2)])
def test_many_nodes_that_did_the_same_share_a_row_and_one_that_failed_stands_out(
    count: int, expected: int
) -> None:
    names = [f"n{number:02}" for number in range(count)]
    times = {name: [0.0, 1.0 + number / 10] for number, name in enumerate(names)}
    update = {**phase("update", 0, 10, **times), "failed": ["n07"]}
    drawn = rows(history.read(report([update])), {"servers": names})
    assert len(drawn) == expected
    assert ("n07", 1) in drawn


def test_nodes_that_all_did_something_else_share_a_row_by_role() -> None:
    names = [f"n{number}" for number in range(50)]
    steps = [phase(f"on {name}", n, n + 1, **{name: [0, 1]}) for n, name in enumerate(names)]
    drawn = rows(history.read(report(steps)), {"servers": names[:20], "clients": names[20:]})
    assert drawn == [("n[0-19]", 20), ("n[20-49]", 30)]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=22))
def test_the_numbers_of_steps_never_overlap(lengths: list[float]) -> None:
    begins = [sum(lengths[:n]) for n in range(len(lengths) + 1)]
    steps = [
        phase(f"step {n}", begins[n], begins[n + 1], s1=[0, length])
        for n, length in enumerate(lengths)
    ]
    labels = timeline.draw(history.read(report(steps)), {"servers": ["s1"]}).labels
    places = [label.at for label in labels]
    assert all(right - left > 4.2 for left, right in pairwise(places))
    assert all(2 <= place <= 98 for place in places)


@given(st.floats(0.001, 1e7))
def test_the_axis_has_a_few_ticks_within_the_picture(length: float) -> None:
    course = history.read(report([phase("step", 0, length, s1=[0, length])]))
    ticks = timeline.draw(course, {"servers": ["s1"]}).ticks
    assert 1 <= len(ticks) <= 9
    assert len({words for _, words in ticks}) == len(ticks)
    assert all(0 <= place <= 98 for place, _ in ticks)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (5.66, "5.7 s"),
        (59.96, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.6, "1 h 00 min"),
        (9000, "2 h 30 min"),
    ],
)
def test_lengths_of_time_in_words(seconds: float, words: str) -> None:
    assert timeline.duration(seconds) == words


class Texts(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


_TAGS = Texts(page(report(TWO_STEPS, s1="servers", s2="servers", c1="clients"))).tags
_hosts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=9
)
_spans = st.tuples(st.floats(0, 50), st.none() | st.floats(0, 500)).map(list)


@settings(deadline=None, max_examples=150)
@given(
    st.dictionaries(_hosts, st.sampled_from(["servers", "clients"]), max_size=60),
    st.lists(
        st.tuples(st.text(max_size=9), st.none() | st.floats(0, 1e5), st.randoms(), _spans),
        max_size=20,
    ),
    st.none() | st.tuples(st.floats(-1e6, 1e5), st.none() | st.floats(-1e6, 1e6)),
    st.sampled_from(["updated", "failed"]),
)
def test_whatever_a_name_or_a_time_is_the_page_is_made_and_says_it_as_text(
    roles: dict[str, str],
    steps: list[tuple[str, float | None, Any, list[float | None]]],
    window: tuple[float, float | None] | None,
    outcome: str,
) -> None:
    phases = []
    for begin, (name, length, chance, span) in enumerate(steps):
        some = {host: span for host in roles if chance.random() < 0.7}
        made = phase(name, begin, None if length is None else begin + length)
        failed = [host for host in some if chance.random() < 0.1]
        phases.append({**made, "seconds": some, "changed": list(some), "failed": failed})
    odd = {**report(phases, **roles), "outcome": outcome}
    if window:
        odd["offline_window"] = {"start": at(window[0]), "end": window[1] and at(window[1])}
    seen = Texts(page(odd))
    assert seen.tags <= _TAGS | {"b", "pattern", "wbr"}
    text = "".join("".join(seen.text).split())
    for drawn in phases:
        assert not drawn["seconds"] or "".join(drawn["name"].split()) in text
