"""What `dmg -j` answers, held against every capture of the real dmg 2.0.3."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations import dmg

from . import captures
from .captures import Capture

ALL = captures.read("2.0.3")
JSON = [capture for capture in ALL if capture.arguments.startswith("-j")]
TEXT = [capture for capture in ALL if not capture.arguments.startswith("-j")]


def _id(capture: Capture) -> str:
    return capture.name


def test_there_are_captures() -> None:
    assert len(JSON) >= 9
    assert len(TEXT) >= 15


@pytest.mark.parametrize("capture", JSON, ids=_id)
def test_a_json_answer_is_good_exactly_where_dmg_exits_0(capture: Capture) -> None:
    if capture.name == "joined.json_version":
        with pytest.raises(dmg.DmgError):  # plain text, whatever -j says
            dmg.response(capture.output)
    elif capture.exit_code == 0:
        dmg.response(capture.output)
    else:
        with pytest.raises(dmg.DmgError, match="unable to contact"):
            dmg.response(capture.output)


@pytest.mark.parametrize("capture", TEXT, ids=_id)
def test_a_table_is_never_taken_for_an_answer(capture: Capture) -> None:
    with pytest.raises(dmg.DmgError):
        dmg.response(capture.output)


def test_members_are_read_by_rank() -> None:
    members = dmg.members(captures.named("joined.json_system_query").output)
    assert [(m.rank, m.host, m.state) for m in members] == [
        (rank, f"daos-server-{rank + 1:02}", "joined") for rank in range(4)
    ]


def test_a_stopped_member_has_its_reason() -> None:
    members = dmg.members(captures.named("stopped.json_system_query").output)
    assert [str(m) for m in members] == [
        "rank 0 on daos-server-01 is stopped: system stop",
        "rank 1 on daos-server-02 is stopped: system stop",
    ]


@pytest.mark.parametrize("nothing", ["null", "[]"])
def test_no_members_is_not_a_good_answer(nothing: str) -> None:
    with pytest.raises(dmg.DmgError, match="no ranks"):
        dmg.members(f'{{"response": {{"members": {nothing}}}, "error": null, "status": 0}}')


def test_pools_are_read_with_their_targets() -> None:
    pools = dmg.pools(captures.named("joined.json_pool_list").output)
    assert [(p.label, p.targets, p.disabled) for p in pools] == [
        ("tank", 32, 0),
        ("scratch", 32, 0),
    ]


def test_no_pools_is_a_good_answer() -> None:
    assert dmg.pools(captures.named("stopped.json_pool_list").output) == []


@pytest.mark.parametrize("name", ["joined.json_system_stop", "joined.json_system_start"])
def test_results_have_a_row_a_rank(name: str) -> None:
    rows = dmg.results(captures.named(name).output)
    assert [row.rank for row in rows] == [0, 1, 2, 3]
    assert not any(row.errored for row in rows)


def test_a_stop_that_could_not_be_prepared_names_the_rank() -> None:
    answer = json.loads(captures.named("joined.json_system_stop").output)
    answer |= {"error": "failed ranks 2", "status": -1}
    answer["response"]["Results"][2] |= {
        "Action": "prep shutdown",
        "Errored": True,
        "Msg": "timed out",
    }
    failed = [row for row in dmg.results(json.dumps(answer)) if row.errored]
    assert [(row.rank, row.action, row.message) for row in failed] == [
        (2, "prep shutdown", "timed out")
    ]


def test_a_stop_that_names_no_rank_is_an_error() -> None:
    for error in ("null", '"boom"'):
        with pytest.raises(dmg.DmgError):
            dmg.results(f'{{"response": {{"Results": null}}, "error": {error}, "status": 0}}')


def test_a_pool_that_could_not_be_asked_is_not_called_degraded() -> None:
    pools = [
        dmg.Pool("u1", "tank", 32, 0, ""),
        dmg.Pool("u2", "scratch", 32, 8, ""),
        dmg.Pool("u3", "", 32, 0, "timed out"),
    ]
    assert [f.code for f in dmg.unhealthy(pools)] == ["pool-degraded", "pool-unknown"]


@given(st.sampled_from(JSON), st.data())
def test_an_answer_that_is_cut_short_is_never_a_good_one(
    capture: Capture, data: st.DataObject
) -> None:
    end = capture.output.rfind("}")
    cut = data.draw(st.integers(0, max(end, 0)))
    for read in (dmg.response, dmg.members, dmg.pools, dmg.results):
        with pytest.raises(dmg.DmgError):
            read(capture.output[:cut])


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_odd_json_raises_nothing_but_dmg_error(value: object) -> None:
    for text in (
        json.dumps(value),
        json.dumps({"response": value, "error": None, "status": 0}),
        json.dumps(
            {
                "response": {"members": value, "pools": value, "status": 0, "Results": value},
                "error": None,
                "status": 0,
            }
        ),
    ):
        for read in (dmg.members, dmg.pools, dmg.results):
            try:
                read(text)
            except dmg.DmgError:
                continue
