"""What `dmg -j` of 2.2, 2.4, 2.6 and 2.8 answers, held against every capture of the real ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.daos import dmg
from operations.daos.dmg import DmgError, Member, Pool
from operations.rules.pools import rebuilding, unhealthy

from ... import captures
from ...captures import Capture

RELEASES = ("2.2.0", "2.4.2", "2.6.5", "2.8.0")
MIXED = (
    "joined", "joined", "excluded", "excluded",
    "joined", "errored", "unresponsive", "adminexcluded",
)  # fmt: skip
TANK = Pool("00000000-0000-0000-0000-000000001064", "tank", 64, 0, "", state="ready")


@dataclass(frozen=True)
class Run:
    """One capture, and the release of its dmg."""

    release: str
    capture: Capture

    @property
    def text(self) -> str:
        return self.capture.output

    @property
    def system(self) -> str:
        """The state of the system, by which the capture is named."""
        return self.capture.name.partition(".json_")[0]

    @property
    def words(self) -> str:
        """The command without its options."""
        return " ".join(self.capture.arguments.removeprefix("-j ").split()[:2])

    @property
    def plain(self) -> bool:
        """Whether it is what the procedure asks, without an option that changes the answer."""
        return "--" not in self.capture.arguments


ALL = [
    Run(release, capture)
    for release in RELEASES
    for capture in captures.read(release)
    if capture.arguments.startswith("-j")
]
GOOD = [run for run in ALL if run.capture.exit_code == 0]


def _id(run: Run) -> str:
    return f"{run.release}-{run.capture.name}"


def _of(*words: str) -> list[Run]:
    return [run for run in GOOD if run.words in words and run.plain]


def _named(release: str, name: str) -> str:
    return captures.named(name, release).output


def test_there_are_captures() -> None:
    counts = {release: sum(run.release == release for run in ALL) for release in RELEASES}
    assert all(count > 80 for count in counts.values()), counts


@pytest.mark.parametrize("run", ALL, ids=_id)
def test_an_answer_is_good_exactly_where_dmg_exits_0(run: Run) -> None:
    if run.capture.exit_code == 0 and not (run.words == "version" and run.release == "2.2.0"):
        dmg.response(run.text)
        return
    with pytest.raises(DmgError) as refused:
        dmg.response(run.text)
    if run.capture.exit_code:
        error = json.JSONDecoder().raw_decode(run.text)[0]["error"]
        assert str(refused.value) == f"dmg: {error}"
    else:  # killed, or the plain text of `dmg version`
        assert "no answer that can be read" in str(refused.value)


@pytest.mark.parametrize("run", ALL, ids=_id)
def test_an_answer_to_another_question_raises_nothing_but_dmg_error(run: Run) -> None:
    for read in (dmg.members, dmg.pools, dmg.results):
        try:
            read(run.text)
        except DmgError:
            continue


@given(st.sampled_from(ALL), st.data())
def test_an_answer_that_is_cut_short_is_never_a_good_one(run: Run, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, max(run.text.rfind("}"), 0)))
    for read in (dmg.response, dmg.members, dmg.pools, dmg.results):
        with pytest.raises(DmgError):
            read(run.text[:cut])


def _states(run: Run) -> tuple[str, ...]:
    states = {"stopped": ("stopped",) * 8, "mixed": MIXED, "checker": ("checkerstarted",) * 8}
    return states.get(run.system, ("joined",) * 8)


@pytest.mark.parametrize("run", _of("system query"), ids=_id)
def test_members_are_read(run: Run) -> None:
    if run.system == "empty":
        with pytest.raises(DmgError, match="knows no ranks"):
            dmg.members(run.text)
        return
    members = dmg.members(run.text)
    assert tuple(member.state for member in members) == _states(run)
    assert [(m.rank, m.host) for m in members] == [
        (rank, f"daos-server-{rank // 2 + 1:02}") for rank in range(8)
    ]
    assert members[7].address == "10.0.0.4"


@pytest.mark.parametrize("word", ["evacuating", "", "CheckerStarted"])
@pytest.mark.parametrize("release", RELEASES)
def test_a_state_of_a_rank_that_nobody_knows_is_read_as_it_is(release: str, word: str) -> None:
    answer = _named(release, "joined.json_system_query").replace('"joined"', json.dumps(word), 1)
    assert dmg.members(answer)[0] == Member(0, "daos-server-01", "10.0.0.1", word.lower(), "")


def _disabled(run: Run) -> int:
    return {"mixed": 16, "degraded": 8}.get(run.system, 0)


@pytest.mark.parametrize("run", _of("pool list", "system list-pools"), ids=_id)
def test_pools_are_read(run: Run) -> None:
    pools = {pool.label: pool for pool in dmg.pools(run.text)}
    assert set(pools) == {"tank", "scratch"}
    codes = {label: [f.code for f in unhealthy([pool])] for label, pool in pools.items()}
    if run.system == "stopped":  # 2.2 alone: the later ones do not end
        assert codes == {"tank": ["pool-unknown"], "scratch": ["pool-unknown"]}
        assert "code = 611" in pools["tank"].error
        return
    tank = pools["tank"]
    assert (tank.uuid, tank.targets, tank.disabled) == (TANK.uuid, 64, _disabled(run))
    scratch = {"creating": ["pool-passing"], "mixed": ["pool-unknown"]}.get(run.system, [])
    assert codes == {"tank": ["pool-degraded"] if _disabled(run) else [], "scratch": scratch}
    assert pools["scratch"].passing == (run.system == "creating")


@pytest.mark.parametrize("release", RELEASES)
def test_a_pool_that_the_list_did_not_query_is_not_taken_for_a_whole_one(release: str) -> None:
    """As 2.6 and later have one that could not be queried, without an error; so with --no-query."""
    for name in ("joined.json_pool_list_no-query", "stopped.json_pool_list_no-query"):
        pools = dmg.pools(_named(release, name))
        assert [f.code for f in unhealthy(pools)] == ["pool-unknown", "pool-unknown"]
        assert {pool.error for pool in pools} == {
            "`dmg pool list` names no targets of it (state Ready)"
        }


def test_the_list_of_2_6_does_not_hide_that_a_pool_could_not_be_queried() -> None:
    pools = dmg.pools(_named("2.6.5", "mixed.json_pool_list"))
    messages = [finding.message for finding in unhealthy(pools, accepted=8)]
    assert any("pool scratch could not be asked" in message for message in messages)


def _with_state(release: str, state: str) -> str:
    return _named(release, "creating.json_pool_list").replace('"Creating"', json.dumps(state))


@pytest.mark.parametrize("release", ["2.2.0", "2.4.2", "2.8.0"])
@pytest.mark.parametrize("state", ["Creating", "Destroying"])
def test_a_pool_that_comes_or_goes_is_waited_for(release: str, state: str) -> None:
    pools = dmg.pools(_with_state(release, state))
    [finding] = unhealthy(pools, accepted=8)
    assert finding.code == "pool-passing"
    assert f"pool scratch is in state {state}: wait" in finding.message
    assert "`dmg pool destroy scratch`" in finding.message


@pytest.mark.parametrize("release", ["2.2.0", "2.4.2", "2.8.0"])
@pytest.mark.parametrize("state", ["Unknown", "Evacuating", ""])
def test_a_state_of_a_pool_that_nobody_knows_is_no_good_one(release: str, state: str) -> None:
    """Of such a one the list asks nothing, as it does not of any but one that is Ready."""
    [finding] = unhealthy(dmg.pools(_with_state(release, state)))
    assert finding.code == "pool-unknown"
    assert "pool scratch could not be asked" in finding.message


@pytest.mark.parametrize("word", ["Degraded", "TargetsExcluded"])
def test_a_pool_that_lacks_targets_is_judged_by_how_many_whatever_it_is_called(word: str) -> None:
    """2.6 and 2.8 call one so that 2.4 calls Ready."""
    answer = _named("2.6.5", "degraded.json_pool_list").replace('"Degraded"', json.dumps(word))
    pools = [Pool(**{**vars(pool), "engines": 8}) for pool in dmg.pools(answer)]
    assert [f.code for f in unhealthy(pools)] == ["pool-degraded"]
    assert unhealthy(pools, accepted=1) == []


def _asked(answer: str) -> Pool:
    """Pool tank after its query was answered so."""
    [pool] = dmg.queried([TANK], f"{dmg.BETWEEN}{TANK.uuid}\n{answer}")
    return pool


@pytest.mark.parametrize("run", _of("pool query"), ids=_id)
def test_a_query_is_read(run: Run) -> None:
    pool, failed = _asked(run.text), run.system == "rebuildfailed"
    assert (pool.engines, pool.rebuilding) == (8, run.system == "rebuild")
    assert pool.size == 8 * 2**30 + 800 * 2**30
    assert (pool.rebuild_status, bool(pool.error)) == (-1007 if failed else 0, failed)
    codes = [finding.code for finding in unhealthy([pool]) + rebuilding([pool])]
    assert codes == {"rebuild": ["rebuild-running"], "rebuildfailed": ["pool-unknown"]}.get(
        run.system, []
    )


@pytest.mark.parametrize(
    "run",
    [run for run in ALL if run.words == "pool query" and run.capture.exit_code == 1],
    ids=_id,
)
def test_a_query_that_failed_stands_with_its_pool(run: Run) -> None:
    pool = _asked(run.text)
    assert pool.error.startswith("dmg: ")
    assert [finding.code for finding in unhealthy([pool])] == ["pool-unknown"]


@pytest.mark.parametrize(
    ("state", "derived", "status", "codes"),
    [
        ("idle", "stopped", -2069, ["pool-unknown"]),
        ("done", "failed", -1007, ["pool-unknown"]),
        ("busy", "stopping", -2069, ["pool-unknown", "rebuild-running"]),
        ("busy", "failing", -1007, ["pool-unknown", "rebuild-running"]),
    ],
)
def test_a_rebuild_of_2_8_that_does_not_end_well_is_found(
    state: str, derived: str, status: int, codes: list[str]
) -> None:
    """Source: UpdateRebuildStatus in src/control/lib/daos/pool.go of v2.8.0."""
    answer = json.JSONDecoder().raw_decode(_named("2.8.0", "joined.json_pool_query_tank"))[0]
    answer["response"]["rebuild"] |= {"state": state, "derived_state": derived, "status": status}
    pool = _asked(json.dumps(answer))
    assert [finding.code for finding in unhealthy([pool]) + rebuilding([pool])] == codes


ROWS = [
    run
    for run in ALL
    if run.words in ("system stop", "system start")
    and run.plain
    and run.system in ("joined", "stopped", "mixed")
]


@pytest.mark.parametrize("run", ROWS, ids=_id)
def test_rows_are_read(run: Run) -> None:
    """From 2.6.4 on a rank that is AdminExcluded, 7 of the mixed system, has none."""
    verb = run.words.split()[1]
    rows = dmg.results(run.text, verb)
    mixed, late = run.system == "mixed", run.release in ("2.6.5", "2.8.0")
    assert [row.rank for row in rows] == list(range(7 if mixed and late else 8))
    failed = {"stop": {6}, "start": {5, 6}}[verb] if mixed else set()
    assert {row.rank for row in rows if row.errored} == failed
    prepares = verb == "stop" and mixed and not late
    assert {row.action for row in rows} == {"prep shutdown" if prepares else verb}


@pytest.mark.parametrize(
    "run",
    [r for r in ALL if r.words in ("system stop", "system start") and r.capture.exit_code == 1],
    ids=_id,
)
def test_rows_of_a_call_that_failed_say_why_or_the_error_does(run: Run) -> None:
    try:
        rows = dmg.results(run.text)
    except DmgError as problem:
        answer: Any = json.JSONDecoder().raw_decode(run.text)[0]
        assert answer["error"] in str(problem)
    else:
        assert run.system == "mixed" or "--ranks" in run.capture.arguments
        assert all(row.message for row in rows if row.errored)


def test_what_the_checker_refuses_is_told_from_other_errors() -> None:
    """Source: the words of FaultCheckerEnabled in src/control/system/checker/faults.go, v2.6.5."""
    error = (
        "list pools failed: checker: code = 1103 description = "
        '"system checker is enabled; normal operations are disabled"'
    )
    with pytest.raises(DmgError) as refused:
        dmg.pools(json.dumps({"response": None, "error": error, "status": -1025}))
    assert refused.value.by_checker
    with pytest.raises(DmgError) as other:
        dmg.pools(_named("2.6.5", "down.json_pool_list"))
    assert not other.value.by_checker
