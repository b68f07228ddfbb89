"""The engines as one system: which ranks are down once `dmg system stop` is over."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyinfra.connectors.fake import FakeConnector
from pyinfra.context import ctx_host

from operations import system
from operations.machinery.run import Run

from .fake_cluster import ENGINE, SETTINGS, examined

pytestmark = pytest.mark.usefixtures("as_the_command_does")

SITE = {"s1": ("servers",), "s2": ("servers",), "a1": ("admins",), "c1": ("clients",)}
HOSTS = ("s1", "s1", "s2", "s2")  # of ranks 0 to 3


def _members(*states: str) -> str:
    rows = [
        {"rank": rank, "addr": "10.0.0.1:10001", "fault_domain": f"/{HOSTS[rank]}", "state": state,
         "info": ""}
        for rank, state in enumerate(states)
    ]  # fmt: skip
    return json.dumps({"response": {"members": rows}, "error": None, "status": 0})


def _rows(**failed: Any) -> str:
    """What `dmg -j system stop` says of ranks 0 to 2: of the last one there is no row."""
    rows = [
        {"Rank": rank, "Action": "stop", "Errored": False, "Msg": "", "state": "stopped"} | failed
        for rank in range(3)
    ]
    return json.dumps({"response": {"Results": rows}, "error": None, "status": 0})


def _said(current: Run, name: str) -> dict[str, Any]:
    said = current.state.inventory.get_host(f"@fake/{name}").connector.data["fake_responses"]
    assert isinstance(said, dict)
    return said


def _run(monkeypatch: pytest.MonkeyPatch, *states: str, idle: tuple[str, ...]) -> Run:
    """A run whose engines have come to these states, and have ended on these servers."""
    monkeypatch.setitem(SETTINGS["timeouts"], "stop", 1)
    current, state = examined(monkeypatch, SITE, dict.fromkeys(SITE, "2.0.1"))
    assert state, current.refusals
    for name in idle:
        _ends(current, name)
    answers = _said(current, "a1")
    answers |= {"dmg -j system query": _members(*states), "dmg -j system stop": _rows()}
    current.forgets()
    return current


def _ends(current: Run, name: str) -> None:
    """The engine of a server is there no more."""
    said = _said(current, name)
    said["== packages"] = said["== packages"].replace(ENGINE, "")


DOWN = ("stopped", "stopped", "stopped")


@pytest.mark.parametrize("state", ["excluded", "adminexcluded"])
def test_a_rank_that_stays_excluded_is_down_once_no_engine_runs_where_it_is(
    monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """Also where daos_server runs on; of one that AdminExcluded leaves out there is no row."""
    current = _run(monkeypatch, *DOWN, state, idle=("s1", "s2"))
    assert system._stop(current) is None
    assert system._not_down(current) == ([], 4)


@pytest.mark.parametrize("state", ["excluded", "adminexcluded"])
def test_a_rank_that_is_excluded_and_whose_engine_may_run_is_not_down(
    monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    current = _run(monkeypatch, *DOWN, state, idle=("s1",))
    problem = system._stop(current)
    assert problem and f"rank 3 on s2 is {state}" in problem


def test_a_rank_that_stays_excluded_is_waited_for_while_its_neighbour_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody knows of which rank an engine is."""
    current = _run(monkeypatch, *DOWN, "adminexcluded", idle=("s1",))
    monkeypatch.setattr("time.sleep", lambda seconds: _ends(current, "s2"))
    assert system._stop(current) is None


def test_a_rank_without_an_answer_is_down_only_where_nothing_of_daos_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where daos_server has come back, its engines may come as well."""
    current = _run(monkeypatch, *DOWN, "unresponsive", idle=("s1", "s2"))
    assert [member.rank for member in system._not_down(current)[0]] == [3]
    said = _said(current, "s2")
    said["== packages"] = (
        said["== packages"]
        .replace("MainPID=6", "MainPID=0")
        .replace("ActiveState=active", "ActiveState=inactive")
    )
    current.forgets()
    assert system._not_down(current) == ([], 4)


def test_a_stop_that_kills_and_fails_has_stopped_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """As from 2.6.3 on, where nothing is prepared."""
    current = _run(monkeypatch, *DOWN, "unresponsive", idle=("s1",))
    _said(current, "a1")["dmg -j system stop"] = _rows(Errored=True, Msg="refused")
    problem = system._stop(current)
    assert problem and problem.startswith("dmg system stop stopped some engines, not all (rank 0:")


@pytest.mark.parametrize("idle", [("s1",), ("s1", "s2")])
def test_nobody_is_evicted_where_no_engine_runs(
    monkeypatch: pytest.MonkeyPatch, idle: tuple[str, ...]
) -> None:
    """From 2.4 on dmg would take five minutes to say that it cannot ask the pools."""
    current = _run(monkeypatch, *DOWN, "stopped", idle=idle)
    admin = current.dmg.admin
    assert isinstance(admin.connector, FakeConnector)
    before = len(admin.connector.executed_commands)
    with ctx_host.use(admin):
        assert system.evict_all(current) is None
    asked = admin.connector.executed_commands[before:]
    assert any("dmg -j pool list" in line for line in asked) == (idle == ("s1",))
