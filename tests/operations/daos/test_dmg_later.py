"""What `dmg -j` of 2.2 and later answers, held against every capture of the real one."""

from __future__ import annotations

import json
import re

import pytest

from operations.daos import dmg
from operations.rules.pools import rebuilding, unhealthy

from ... import captures
from ...captures import Capture

RELEASES = ("2.2.0", "2.4.2", "2.6.5", "2.8.0")
ALL = [(release, capture) for release in RELEASES for capture in captures.read(release)]
ENDED = [(release, capture) for release, capture in ALL if capture.exit_code is not None]
EACH = pytest.mark.parametrize("release", RELEASES)


def _has(name: str) -> pytest.MarkDecorator:
    """Of those releases of which there is such a capture."""
    found = [release for release, capture in ALL if capture.name == name]
    assert len(found) >= 2
    return pytest.mark.parametrize("release", found)


def _unhealthy(release: str, name: str) -> list[str]:
    """What is said of the pools of an answer to `pool list`."""
    answer = captures.named(f"{name}.json_pool_list", release).output
    return [f"{it.code}: {it.message}" for it in unhealthy(dmg.pools(answer))]


def _asked(release: str, name: str, pool: str = "tank") -> dmg.Pool:
    """A pool that is well in `pool list`, after what `pool query` answers."""
    answer = captures.named(f"{name}.json_pool_query_{pool}", release).output
    known = dmg.Pool("u", pool, 64, 0, "")
    return dmg.queried([known], f"== u\n{answer}")[0]


@pytest.mark.parametrize(
    ("release", "capture"), ENDED, ids=[f"{release}-{capture.name}" for release, capture in ENDED]
)
def test_a_json_answer_is_good_exactly_where_dmg_exits_0(release: str, capture: Capture) -> None:
    if capture.exit_code or not capture.output.startswith("{"):
        with pytest.raises(dmg.DmgError) as failed:
            dmg.response(capture.output)
        if capture.output.startswith("{"):
            error = json.JSONDecoder().raw_decode(capture.output)[0]["error"]
            assert re.escape(error) in re.escape(str(failed.value))
    else:
        dmg.response(capture.output)


@EACH
def test_members_are_read(release: str) -> None:
    members = dmg.members(captures.named("joined.json_system_query", release).output)
    assert [(it.rank, it.host, it.state) for it in members] == [
        (rank, f"daos-server-{rank // 2 + 1:02}", "joined") for rank in range(8)
    ]


@_has("mixed.json_system_query")
def test_each_state_is_read_in_lower_case(release: str) -> None:
    members = dmg.members(captures.named("mixed.json_system_query", release).output)
    states = ["joined", "joined", "excluded", "excluded", "joined"]
    assert [it.state for it in members] == [*states, "errored", "unresponsive", "adminexcluded"]


@EACH
def test_pools_are_read_with_their_targets(release: str) -> None:
    pools = dmg.pools(captures.named("joined.json_pool_list", release).output)
    assert sorted((it.label, it.targets, it.disabled, it.state) for it in pools) == [
        ("scratch", 64, 0, "ready"),
        ("tank", 64, 0, "ready"),
    ]
    assert unhealthy(pools) == []


@_has("mixed.json_pool_list")
def test_a_pool_that_could_not_be_asked_is_found(release: str) -> None:
    """Also that of 2.6, of which the answer says nothing, and dmg exits with 0."""
    found = _unhealthy(release, "mixed")
    assert sum("pool-unknown: pool scratch could not be asked" in it for it in found) == 1
    assert sum("pool-degraded: pool tank has 16 of 64" in it for it in found) == 1


@_has("creating.json_pool_list")
def test_a_pool_that_is_being_created_is_found(release: str) -> None:
    [said] = _unhealthy(release, "creating")
    assert "pool-unknown: pool scratch is creating: wait" in said


@_has("joined.json_pool_query_tank")
def test_a_pool_is_read_with_its_engines(release: str) -> None:
    pool = _asked(release, "joined")
    assert (pool.engines, pool.rebuilding, pool.error) == (8, False, "")
    assert pool.size > 0


@_has("rebuild.json_pool_query_tank")
def test_a_rebuild_is_found(release: str) -> None:
    assert [it.code for it in rebuilding([_asked(release, "rebuild")])] == ["rebuild-running"]


@_has("rebuildfailed.json_pool_query_tank")
def test_a_rebuild_that_failed_is_found(release: str) -> None:
    [found] = unhealthy([_asked(release, "rebuildfailed")])
    assert "ended with status -1007" in found.message


@_has("mixed.json_pool_query_scratch")
def test_a_query_that_failed_is_found(release: str) -> None:
    [found] = unhealthy([_asked(release, "mixed", "scratch")])
    assert found.code == "pool-unknown"


@pytest.mark.parametrize(
    ("state", "moves"), [("stopping", True), ("failing", True), ("stopped", False), ("?", None)]
)
def test_what_2_8_says_of_a_rebuild_that_is_stopped_is_read(state: str, moves: bool | None) -> None:
    answer = json.loads(captures.named("joined.json_pool_query_scratch", "2.8.0").output)
    answer["response"]["rebuild"]["derived_state"] = state
    text = f"== u\n{json.dumps(answer)}"
    pool = dmg.Pool("u", "scratch", 64, 0, "")
    if moves is None:
        with pytest.raises(dmg.DmgError, match="rebuild state"):
            dmg.queried([pool], text)
    else:
        assert dmg.queried([pool], text)[0].rebuilding is moves


@EACH
def test_results_have_a_row_a_rank(release: str) -> None:
    rows = dmg.results(captures.named("joined.json_system_stop", release).output)
    assert [row.rank for row in rows] == list(range(8))
    assert not any(row.errored for row in rows)
