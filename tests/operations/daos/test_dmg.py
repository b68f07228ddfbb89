"""What `dmg -j` answers, held against every capture of the real dmg 2.0.3."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.daos import dmg
from operations.rules.pools import rebuilding, unhealthy

from ... import captures
from ...captures import Capture

ALL = captures.read("2.0.3")
JSON = [capture for capture in ALL if capture.arguments.startswith("-j")]
TEXT = [capture for capture in ALL if not capture.arguments.startswith("-j")]
# What is no answer to a question, and where dmg exits 0 nevertheless.
NO_ANSWER = ("joined.json_version", "joined.json_help", "joined.json_system_query_h")


def _id(capture: Capture) -> str:
    return capture.name


def test_there_are_captures() -> None:
    assert len(JSON) >= 9
    assert len(TEXT) >= 15


@pytest.mark.parametrize("capture", JSON, ids=_id)
def test_a_json_answer_is_good_exactly_where_dmg_exits_0(capture: Capture) -> None:
    if capture.name in NO_ANSWER:
        with pytest.raises(dmg.DmgError):
            dmg.response(capture.output)
    elif capture.exit_code == 0:
        dmg.response(capture.output)
    else:
        error = json.JSONDecoder().raw_decode(capture.output)[0]["error"]
        with pytest.raises(dmg.DmgError, match=re.escape(error)):
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


@pytest.mark.parametrize("before", ["", "WARNING: module\n", '{"level": "info"}\n', "{\n", "{}\n"])
def test_what_a_script_of_the_site_prints_before_an_answer_is_none_of_it(before: str) -> None:
    answer = captures.named("joined.json_system_query").output
    assert dmg.members(before + answer + "\nbye\n") == dmg.members(answer)
    with pytest.raises(dmg.DmgError):
        dmg.members(f"{before}no answer: {answer}")


def test_a_pool_that_could_not_be_asked_is_not_called_degraded() -> None:
    pools = [
        dmg.Pool("u1", "tank", 32, 0, ""),
        dmg.Pool("u2", "scratch", 32, 8, ""),
        dmg.Pool("u3", "", 32, 0, "timed out"),
    ]
    assert [f.code for f in unhealthy(pools)] == ["pool-degraded", "pool-unknown"]


TANK = dmg.Pool("00000000-0000-0000-0000-000000001064", "tank", 32, 0, "")
QUERY = captures.named("joined.json_pool_query_tank").output


def _asked(answer: str, pool: dmg.Pool = TANK) -> dmg.Pool:
    """The pool after its query was answered so."""
    [asked] = dmg.queried([pool], f"== {pool.uuid}\n{answer}")
    return asked


def _query(**rebuild: object) -> str:
    answer = json.loads(QUERY)
    answer["response"]["rebuild"] |= rebuild
    return json.dumps(answer)


def test_an_idle_pool_is_read_with_its_engines() -> None:
    pool = _asked(QUERY)
    assert (pool.engines, pool.rebuilding, pool.error) == (4, False, "")


def test_pools_are_asked_with_one_command_and_told_apart(tmp_path: Path) -> None:
    other = dmg.Pool("u-2", "scratch", 8, 0, "")
    script = tmp_path / "dmg"
    script.write_text(f"#!/bin/sh\n[ $4 != u-2 ] || exit 1\ncat <<'E'\n{_query(state='busy')}\nE\n")
    script.chmod(0o755)
    line = dmg.pool_queries([TANK, other])
    path = f"{tmp_path}:/usr/bin:/bin"
    done = subprocess.run(["sh", "-c", line], env={"PATH": path}, capture_output=True, text=True)
    assert dmg.queried([TANK], done.stdout)[0].rebuilding
    with pytest.raises(dmg.DmgError, match="pool scratch"):
        dmg.queried([TANK, other], done.stdout)


@pytest.mark.parametrize(
    ("rebuild", "codes"),
    [
        ({"state": "idle"}, []),
        ({"state": "done"}, []),
        ({"state": "Busy"}, ["rebuild-running"]),
        ({"state": "done", "status": -1026}, ["pool-unknown"]),
    ],
)
def test_a_rebuild_is_found(rebuild: dict[str, object], codes: list[str]) -> None:
    pools = [_asked(_query(**rebuild))]
    found = unhealthy(pools) + rebuilding(pools)
    assert [finding.code for finding in found] == codes
    assert all("pool tank" in finding.message for finding in found)


@pytest.mark.parametrize(
    "answer", ["", "null", "{}", '{"response": {}, "error": null, "status": 0}', _query(state="?")]
)
def test_a_query_that_is_not_understood_is_no_good_answer(answer: str) -> None:
    with pytest.raises(dmg.DmgError, match="pool tank"):
        _asked(answer)
    with pytest.raises(dmg.DmgError, match="pool tank"):
        dmg.queried([TANK], "")


def test_an_error_of_dmg_stands_with_its_pool() -> None:
    pool = _asked(captures.named("down.json_system_query").output)
    assert "unable to contact" in pool.error


@given(st.integers(1, 8), st.integers(1, 16), st.integers(0, 8), st.integers(0, 8))
def test_as_many_targets_may_be_disabled_as_the_accepted_ranks_have(
    engines: int, per_engine: int, lost: int, accepted: int
) -> None:
    disabled = min(lost, engines) * per_engine
    pool = dmg.Pool("u", "tank", engines * per_engine, disabled, "", engines=engines)
    assert bool(unhealthy([pool], accepted)) == (min(lost, engines) > accepted)


def test_targets_are_not_accepted_where_it_is_not_known_how_many_a_rank_has() -> None:
    assert unhealthy([dmg.Pool("u", "tank", 32, 8, "")], accepted=1)


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


OLD_LIST = """{"response": {"Status": 0, "pools": [
{"uuid": "00000000-0000-0000-0000-000000001064", "svc_reps": [0, 1, 2]}]},
"error": null, "status": 0}"""
OLD_QUERY = """{"response": {"status": 0, "uuid": "00000000-0000-0000-0000-000000001064",
"total_targets": 32, "active_targets": 30, "total_nodes": 4, "disabled_targets": 2,
"version": 1, "leader": 0, "rebuild": {"status": 0, "state": "idle", "objects": 0, "records": 0}},
"error": null, "status": 0}"""


def test_pools_of_1_x_are_read_and_asked_about_by_their_option() -> None:
    pools = dmg.pools(OLD_LIST)
    assert [pool.argument for pool in pools] == ["--pool 00000000-0000-0000-0000-000000001064"]
    assert 'dmg -j pool query --pool "$pool"' in dmg.pool_queries(pools)
    (pool,) = dmg.queried(pools, f"== {pools[0].uuid}\n{OLD_QUERY}")
    assert (pool.targets, pool.disabled, pool.engines, pool.label) == (32, 2, 4, "")
    assert [finding.code for finding in unhealthy([pool])] == ["pool-degraded"]


def test_a_pool_of_1_x_that_does_not_tell_its_targets_is_not_taken_for_a_whole_one() -> None:
    pools = dmg.pools(OLD_LIST)
    answer = OLD_QUERY.replace('"total_targets": 32,', "")
    with pytest.raises(dmg.DmgError, match="total_targets"):
        dmg.queried(pools, f"== {pools[0].uuid}\n{answer}")
