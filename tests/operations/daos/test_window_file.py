"""What a node remembers: it comes back as it was written, and damage is known as that."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.daos.window_file import PATH, Record

from ..any_values import JSON

# As the tool has written it since its first release, on one line.
TEXT = (
    '{"began": "2026-11-22T18:00:00.000250+00:00", "release": "2.0.1", '
    '"enabled": ["daos_server"], "running": ["daos_server", "daos_agent"], "ranks": [0, 1], '
    '"pools": {"u-1": "tank"}, "servers": ["s1", "s2"], "started": ""}'
)
CONTENT = json.loads(TEXT)

_TEXTS = st.lists(st.text()).map(tuple)
_ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-7)), timezone(timedelta(hours=5.5))])


def test_the_file_is_read_and_written_as_ever() -> None:
    record = Record.parse(TEXT)
    assert record == Record(
        began=datetime(2026, 11, 22, 18, 0, 0, 250, tzinfo=UTC),
        release="2.0.1",
        enabled=("daos_server",),
        running=("daos_server", "daos_agent"),
        ranks=(0, 1),
        pools={"u-1": "tank"},
        servers=("s1", "s2"),
        started="",
    )
    assert record.text() == TEXT
    assert Record.parse(" \n") is None


@given(
    st.builds(
        Record,
        began=st.datetimes(timezones=_ZONES),
        enabled=_TEXTS,
        running=_TEXTS,
        ranks=st.lists(st.integers()).map(tuple),
        pools=st.dictionaries(st.text(), st.text()),
        servers=_TEXTS,
    )
)
def test_every_record_comes_back(record: Record) -> None:
    assert "\n" not in record.text()
    assert Record.parse(record.text()) == record


_MANY = [f"server-{number:04}.site" for number in range(200)]


@given(st.permutations(_MANY), st.permutations(range(200)))
def test_many_servers_and_ranks_are_few_words(servers: list[str], ranks: list[int]) -> None:
    record = Record.parse(json.dumps({**CONTENT, "servers": servers, "ranks": ranks}))
    assert record
    assert record.servers == tuple(servers)
    assert record.ranks == tuple(ranks)
    assert '"ranks": "0-199"' in record.text()
    assert '"servers": "server-[0000-0199].site"' in record.text()
    again, another = Record.parse(record.text()), Record.parse(record.text())
    assert again
    assert another
    assert again.servers == tuple(_MANY)
    assert again.ranks == tuple(range(200))
    assert again.servers is another.servers


@given(st.lists(st.text(), min_size=65, unique=True), st.lists(st.integers(), min_size=65))
def test_what_cannot_be_folded_is_a_list(servers: list[str], ranks: list[int]) -> None:
    record = Record.parse(json.dumps({**CONTENT, "servers": servers, "ranks": ranks}))
    assert record
    again = Record.parse(record.text())
    assert again
    assert set(again.servers) == set(servers)
    assert set(again.ranks) == set(ranks)


@pytest.mark.parametrize("changes", [{"servers": "s[1"}, {"ranks": "1-"}, {"ranks": "x"}])
def test_what_is_no_set_is_damage(changes: dict[str, Any]) -> None:
    test_nothing_is_taken_for_something_else(changes)


def test_nodes_that_remember_the_same_share_one_record() -> None:
    """At eleven thousand nodes, records of their own would be half a million objects."""
    assert Record.parse(json.dumps(CONTENT)) is Record.parse(json.dumps({**CONTENT}))


def test_what_a_later_version_adds_does_not_matter() -> None:
    assert Record.parse(json.dumps({**CONTENT, "later": [1]})) == Record.parse(TEXT)


@pytest.mark.parametrize("missing", CONTENT)
def test_nothing_may_be_missing(missing: str) -> None:
    content = {name: value for name, value in CONTENT.items() if name != missing}
    with pytest.raises(ValueError, match=f"^{PATH} is damaged: {missing}: "):
        Record.parse(json.dumps(content))


@pytest.mark.parametrize(
    "changes",
    [
        {"began": "1700000000"},
        {"began": 1700000000},
        {"began": "2026-11-22T18:00:00"},
        {"ranks": ["0"]},
        {"ranks": [True]},
        {"ranks": {"0": 1}},
        {"enabled": "daos_server"},
        {"pools": [["u-1", "tank"]]},
        {"pools": {"u-1": None}},
        {"release": None},
    ],
)
def test_nothing_is_taken_for_something_else(changes: dict[str, Any]) -> None:
    [name] = changes
    with pytest.raises(ValueError, match=f"^{PATH} is damaged: {name}: "):
        Record.parse(json.dumps({**CONTENT, **changes}))


@given(st.dictionaries(st.sampled_from(list(CONTENT)), JSON, max_size=2), JSON | st.just(CONTENT))
def test_a_record_is_read_or_damaged(changes: dict[str, Any], whole: Any) -> None:
    content = {**whole, **changes} if isinstance(whole, dict) else whole
    try:
        record = Record.parse(json.dumps(content))
    except ValueError as problem:
        assert str(problem).startswith(f"{PATH} is damaged: ")
    else:
        assert record is not None
        assert Record.parse(record.text()) == record


@given(st.text(st.characters(exclude_categories=())).filter(str.strip))
def test_what_is_no_json_is_damaged(text: str) -> None:
    with pytest.raises(ValueError, match="is damaged"):
        Record.parse(text)
