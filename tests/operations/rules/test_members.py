"""The ranks: what their states mean in every gate, and on which server they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.daos.dmg import Member
from operations.rules import gates, members
from operations.rules.view import View

from ..fake_nodes import IDLE, SERVING

# As member.go of DAOS has them, in lower case.
OF_DAOS = {
    "awaitformat", "starting", "ready", "joined", "stopping", "stopped", "excluded", "errored",
    "unresponsive", "adminexcluded", "checkerstarted", "unknown",
}  # fmt: skip
MAY_BE_MISSING = {
    "stopped", "excluded", "errored", "unresponsive", "adminexcluded", "awaitformat",
}  # fmt: skip
NO_USE_TO_WAIT = {"awaitformat", "adminexcluded", "checkerstarted", "unknown"}
ODD = ["checking", "", "evacuating"]

VIEW = View(
    {"servers": ("a", "b"), "admins": (), "clients": ()},
    {"a": replace(SERVING, hostname="a"), "b": replace(SERVING, hostname="b")},
)


def _ranks(state: str, other: str = "joined") -> list[Member]:
    return [Member(0, "a", "10.0.0.1", other, ""), Member(1, "b", "10.0.0.2", state, "")]


def test_every_state_of_daos_has_a_meaning() -> None:
    assert set(members.STATES) == OF_DAOS


@pytest.mark.parametrize("state", [*sorted(OF_DAOS), *ODD])
def test_a_rank_that_is_neither_joined_nor_accepted_is_a_finding_that_says_what_to_do(
    state: str,
) -> None:
    found = gates.joined(VIEW, _ranks(state))
    assert bool(found) == (state != "joined")
    assert all(f"rank 1 on b is {state}" in finding.message for finding in found)
    assert bool(members.meaning(_ranks(state)[1]).do) or state in {
        "joined", "starting", "stopping",
    }  # fmt: skip


def test_a_rank_that_does_not_get_on_though_its_engine_runs_is_told_how_it_does() -> None:
    """As after a start that found it running: `dmg system start` makes it ready, and no more."""
    [finding] = gates.joined(VIEW, _ranks("ready"))
    assert "where that lasts, start its engine anew (`dmg system stop`" in finding.message


@pytest.mark.parametrize(
    ("state", "do"),
    [("adminexcluded", "`dmg system clear-exclude`"), ("checkerstarted", "`dmg check disable`")],
)
def test_what_somebody_has_put_a_rank_into_is_ended_by_that_command(state: str, do: str) -> None:
    [finding] = gates.joined(VIEW, _ranks(state))
    assert (finding.code, do in finding.message) == ("not-joined", True)
    assert bool(gates.joined(VIEW, _ranks(state), {1})) == (state == "checkerstarted")


@pytest.mark.parametrize("state", [*sorted(OF_DAOS), *ODD])
def test_an_accepted_rank_is_waited_for_only_while_it_is_on_its_way(state: str) -> None:
    """Also "unresponsive", which 2.0.3 makes of a rank whose server is switched off at a stop."""
    accepted = {1}
    missing = state in MAY_BE_MISSING
    assert len(members.expected(_ranks(state), accepted)) == (1 if missing else 2)
    assert bool(gates.joined(VIEW, _ranks(state), accepted)) == (not missing and state != "joined")
    stopped = gates.engines_stopped(VIEW, _ranks(state, "stopped"), accepted)
    assert bool(stopped) == (not missing)


@pytest.mark.parametrize("state", [*sorted(OF_DAOS), *ODD])
def test_no_one_waits_for_a_rank_that_stays_as_it_is(state: str) -> None:
    no_use = state in NO_USE_TO_WAIT or state in ODD
    assert bool(members.hopeless(_ranks(state), ())) == no_use
    accepted = state in MAY_BE_MISSING
    assert bool(members.hopeless(_ranks(state), {1})) == (no_use and not accepted)
    assert bool(members.lost(_ranks(state))) == (no_use or state == "excluded")


@pytest.mark.parametrize(
    ("hostname", "host", "address", "is_there"),
    [
        ("node-a01", "node-a01", "10.0.0.1", True),
        ("NODE-A01", "node-a01", "127.0.1.1", True),  # DAOS has fault domains in lower case
        ("node-a01", "node-a01", "198.51.100.7", True),  # translated on the way
        ("node-a01", "rack-3", "10.0.0.1", True),
        ("node-a01", "rack-3", "127.0.1.1", False),
        ("node-a01", "node-a011", "", False),
    ],
)
def test_a_rank_is_on_the_server_that_has_its_name_or_its_address(
    hostname: str, host: str, address: str, is_there: bool
) -> None:
    node = replace(IDLE, hostname=hostname, addresses=("10.0.0.1",))
    rank = Member(0, host, address, "joined", "")
    assert members.on(node, rank) == is_there
    view = View({"servers": ("x",), "admins": (), "clients": ()}, {"x": node})
    assert (gates.known_servers(view, [rank]) == []) == is_there


@pytest.mark.parametrize("called", ["login-1", "LOGIN-1.site.example", "node-a01", "Node-A01.x"])
def test_a_node_is_meant_by_its_own_name_or_that_of_the_inventory(called: str) -> None:
    node = replace(IDLE, hostname="NODE-a01")
    assert members.is_called(node, "login-1.hpc.example", called)
    assert not members.is_called(node, "login-1.hpc.example", "login-10")
    assert not members.is_called(node, "10.0.0.1", "10.0.0.2")


def test_how_to_go_on_is_told_with_the_ranks_that_are_missing_or_that_there_is_no_way() -> None:
    told = members.way_on(_ranks("stopped"), (), {7})
    assert "--data 'given_up_ranks=[1, 7]'" in told
    assert "accepted_exclusions" not in told
    assert "accepted_exclusions is for ranks" in members.way_on(_ranks("stopped"), {1}, ())
    assert "no way on" in members.way_on(None, (), ())


HOSTS = st.sampled_from(["a", "A.example", "b", "10.0.0.1", "10.0.0.2", "c"])
ADDRESSES = st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3", ""])
RANKS = st.lists(st.builds(Member, st.integers(), HOSTS, ADDRESSES, st.just("joined"), st.just("")))


@given(RANKS, HOSTS, st.lists(ADDRESSES))
def test_the_ranks_on_a_node_are_looked_up_as_they_are_told_one_by_one(
    ranks: list[Member], host: str, addresses: list[str]
) -> None:
    node = replace(IDLE, hostname=host, addresses=tuple(addresses))
    one_by_one = [rank for rank in ranks if members.on(node, rank)]
    looked_up = members.Places(ranks).on(node)
    assert set(looked_up) == set(one_by_one)
