"""dmg of 1.0 prints text alone: it is read as the JSON of later releases would be, or not at all.

The texts are those that src/control/cmd/dmg of v1.0.1 formats.
"""

from __future__ import annotations

import pytest
from ClusterShell.RangeSet import RangeSet
from hypothesis import given
from hypothesis import strategies as st

from operations.daos import dmg, dmg_1_0
from operations.daos.dmg import DmgError
from operations.daos.releases import Version

A, B = "8aab4bb8-c0e2-4a21-8c16-e4a4b8c1a9d1", "2f0e1ba6-0f5c-4ab2-b1b4-6bd3f2e3a0aa"
CONNECTED = "daos-server-[01-02]: connected\n\n"
QUERY = f"""\
{CONNECTED}Rank UUID                                 Control Address  State   \n\
---- ----                                 ---------------  -----   \n\
0    11111111-c0e2-4a21-8c16-e4a4b8c1a9d1 172.30.0.2:10001 Started \n\
1    22222222-c0e2-4a21-8c16-e4a4b8c1a9d1 172.30.0.3:10001 Evicted \n\

"""
STOP = f"""\
{CONNECTED}Rank  Operation     Result                        \n\
----  ---------     ------                        \n\
[0-2] stop          OK                            \n\
3     prep shutdown context deadline exceeded, rank \n\

"""
POOLS = f"""\
{CONNECTED}Pool UUID                            Svc Replicas \n\
---------                            ------------ \n\
{A} 0,1,2        \n\
{B} None         \n\

"""
POOL = f"""\
{CONNECTED}Pool {A}, ntarget=16, disabled=4
Pool space info:
- Target(VOS) count:12
- SCM:
  Total size: 8.6 GB
  Free: 8.6 GB, min:537 MB, max:537 MB, mean:537 MB
Rebuild busy, 75 objs, 9722 recs
"""


def test_the_ranks_are_known_by_their_address_and_in_the_words_of_later_releases() -> None:
    first, second = dmg.members(dmg_1_0.answer("system query", True, QUERY))
    assert (first.rank, first.host, first.address, first.state) == (
        *(0, "172.30.0.2", "172.30.0.2", "joined"),
    )
    assert (second.rank, second.state) == (1, "excluded")


def test_a_system_without_ranks_is_no_good_answer() -> None:
    with pytest.raises(DmgError, match="knows no ranks"):
        dmg.members(dmg_1_0.answer("system query", True, f"{CONNECTED}No members in system\n"))


def test_what_was_done_to_each_rank() -> None:
    rows = dmg.results(dmg_1_0.answer("system stop", True, STOP))
    assert [(row.rank, row.action, row.errored) for row in rows] == [
        *((rank, "stop", False) for rank in range(3)),
        (3, "prep shutdown", True),
    ]
    assert rows[3].message == "context deadline exceeded, rank"


def test_pools_come_with_the_ranks_of_their_service() -> None:
    first, second = dmg.pools(dmg_1_0.answer("pool list", True, POOLS))
    assert (first.uuid, first.service, first.argument) == (A, (0, 1, 2), f"--pool {A}")
    assert (second.uuid, second.service) == (B, ())
    assert dmg.pools(dmg_1_0.answer("pool list", True, f"{CONNECTED}No pools in system\n\n")) == []


def test_how_whole_each_pool_is() -> None:
    pools = dmg.pools(dmg_1_0.answer("pool list", True, POOLS))
    failed = POOL.replace(
        "Rebuild busy, 75 objs, 9722 recs\n", "Rebuild failed, rc=0, status=-1007"
    )
    said = dmg_1_0.pool_answers(f"== {A}\n{POOL}== {B}\n{failed}")
    first, second = dmg.queried(pools, said)
    assert (first.targets, first.disabled, first.rebuilding, first.error) == (16, 4, True, "")
    assert second.error == "its last rebuild ended with status -1007"


def test_a_pool_that_cannot_be_asked_is_known_as_that() -> None:
    pools = dmg.pools(dmg_1_0.answer("pool list", True, POOLS))[:1]
    said = f"{CONNECTED}ERROR: dmg: pool query failed: DAOS error (-1002)\n"
    [pool] = dmg.queried(pools, dmg_1_0.pool_answers(f"== {A}\n{said}"))
    assert pool.error == "dmg: pool query failed: DAOS error (-1002)"


@pytest.mark.parametrize(
    "arguments", ["system query", "system stop", "pool list", "pool query --pool x"]
)
@pytest.mark.parametrize("text", ["", "Segmentation fault", CONNECTED, "Rank\n----\n0\n"])
def test_what_is_not_understood_is_no_answer(arguments: str, text: str) -> None:
    said = dmg_1_0.answer(arguments, True, text)
    with pytest.raises(DmgError, match="no answer that can be read"):
        dmg.response(said)


@pytest.mark.parametrize("arguments", ["system query", "pool list", "system erase"])
def test_a_failure_is_told_in_the_words_of_dmg(arguments: str) -> None:
    said = dmg_1_0.answer(arguments, False, CONNECTED, "ERROR: dmg: no active connections\n")
    with pytest.raises(DmgError, match=r"^dmg: no active connections$"):
        dmg.response(said)


@given(st.sets(st.integers(0, 5000), min_size=1), st.sampled_from(["stop", "prep shutdown"]))
def test_folded_ranks_are_each_found(ranks: set[int], action: str) -> None:
    folded = str(RangeSet.fromlist(map(str, ranks)))
    shown = folded if folded.isdigit() else f"[{folded}]"
    wide = max(len(shown), 4)
    text = (
        f"{'Rank':{wide}} {'Operation':13} Result \n{'----':{wide}} {'---------':13} ------ \n"
        f"{shown:{wide}} {action:13} OK     \n\n"
    )
    rows = dmg.results(dmg_1_0.answer("system stop", True, text))
    assert [row.rank for row in rows] == sorted(ranks)
    assert {(row.action, row.errored) for row in rows} == {(action, False)}


@pytest.mark.parametrize(
    ("version", "text_alone"),
    [("1.0.0", True), ("1.0.1", True), ("1.2.0", False), ("2.0.3", False)],
)
def test_only_1_0_has_no_json(version: str, text_alone: bool) -> None:
    assert dmg_1_0.speaks(Version.parse(version)) is text_alone
    assert dmg_1_0.speaks(None) is False


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("", "s1:10001"),
        ("port: 10002\n", "s1:10002"),
        ("access_points: [localhost]\n", "s1:10001"),
        ("access_points: ['s7']\nport: 10003\n", "s7:10003"),
        ("access_points: ['s7:4']\nport: 10003\n", "s7:4"),
        ("access_points: ['s7']\t# the first\n", "s7:10001"),
    ],
)
def test_the_access_point_is_asked(text: str, point: str) -> None:
    assert dmg_1_0.access_point(text, "s1") == point
    assert dmg_1_0.line("system query", point) == f"dmg -l {point} system query -v"


@pytest.mark.parametrize("text", ["access_points: [", "- a\n", "access_points: 7\n"])
def test_no_access_point_is_guessed(text: str) -> None:
    with pytest.raises(ValueError, match="names no access point"):
        dmg_1_0.access_point(text, "s1")
