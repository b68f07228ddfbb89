"""The way back: where it leads to, and that it is examined as strictly as the way forward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from operations.daos.node import Node
from operations.daos.releases import Version
from operations.daos.start_trace import HEADER
from operations.daos.window_file import STARTS
from operations.machinery import packaging
from operations.rollback import ROLLBACK as ROLLBACK_PROCEDURE
from operations.rollback import where_to
from operations.rules.start import Start

from . import fake_cluster
from .fake_cluster import DEPLOY, ENGINE, ROOT
from .fake_nodes import CLIENT, IDLE, RECORD, SERVING, at

ROLLBACK = ROOT / "deploys" / "rollback.py"
OLD, NEW = Version(2, 0, 1), Version(2, 0, 3)


def leads(server: Node, **clients: Node) -> tuple[Version | None, list[str]]:
    """Where a rollback leads to from there, or the codes of what is in the way."""
    groups = {"servers": ("s1", "s2"), "admins": (), "clients": tuple(clients)}
    target, found = where_to(Start(groups, {"s1": server, "s2": server, **clients}, target=NEW))
    return target, [finding.code for finding in found]


BACK = at("2.0.1", SERVING)
AWAY = at("2.0.3", CLIENT, record=RECORD)
HALF = replace(CLIENT, packages={"daos": ("2.0.1-1.el8", "2.0.3-1.el8")})


@pytest.mark.parametrize("client", [AWAY, at("2.0.3", CLIENT), HALF])
def test_a_client_that_was_away_follows_the_servers_back(client: Node) -> None:
    assert leads(BACK, c1=at("2.0.1", CLIENT), c2=client) == (OLD, [])


def test_it_follows_nobody_where_nobody_knows_what_engines_have_run_on() -> None:
    nowhere = (None, ["nothing-to-roll-back"])
    assert leads(replace(BACK, engines=()), c1=AWAY) == nowhere
    assert leads(at("2.0.3", SERVING), c1=AWAY) == nowhere
    assert leads(replace(BACK, packages=HALF.packages), c1=AWAY) == nowhere
    assert leads(BACK, c1=at("2.0.0", CLIENT)) == nowhere  # which deploy.py brings up


def test_what_the_servers_had_is_what_all_go_back_to() -> None:
    """A client that had another release before has the servers' as well afterwards."""
    server = at("2.0.3", IDLE, record=RECORD, traced=True)
    other = replace(RECORD, release="2.0.0")
    assert leads(server, c1=at("2.0.3", CLIENT, record=other)) == (OLD, [])
    unknown = replace(RECORD, release="")
    assert leads(replace(server, record=unknown), c1=AWAY) == (None, ["several-releases"])


@pytest.mark.parametrize(
    ("has", "target", "back"),
    [
        ("2.0.3-1.el8", "2.0.1", True),
        ("2.0.0-1.el8", "2.0.1", False),
        ("2.0.3-6.el8", "2.0.3-5", True),
        ("2.0.3-4.el8", "2.0.3-5", False),
        ("nobody-knows", "2.0.1", True),
    ],
)
def test_who_is_behind_what_all_go_back_to_is_updated_to_it(
    has: str, target: str, back: bool
) -> None:
    """The package manager is told otherwise then."""
    run: Any = SimpleNamespace(procedure=ROLLBACK_PROCEDURE, target=Version.parse(target))
    assert packaging.goes_back(run, replace(CLIENT, packages={"daos": (has,)})) == back


# In the window: nothing of DAOS runs, the packages are new

SITE = {"s1": ("servers",), "s2": ("servers",), "a1": ("admins",), "c1": ("clients",)}
SILENT = {"dmg -j system": {"success": False}}
Wrong = Callable[[str, str], str]


def in_the_window(name: str, answer: str) -> str:
    """What a node says that remembers that three servers were there."""
    record = replace(RECORD, servers=("s1", "s2", "s3")).text()
    for had, has in (
        ("== starts", f"{record}\n== starts"),
        ("== access", f"{HEADER}\n== access\nroot 0 644"),
        *(
            ("Id=daos_server", f"{writes}=dd of={STARTS} oflag=append\nId=daos_server")
            for writes in ("ExecStartPre", "ExecStopPost")
        ),
        ("=active", "=inactive"),
        ("=enabled", "=disabled"),
        ("MainPID=6", "MainPID=0"),
        ("MainPID=5", "MainPID=0"),
        (f"{ENGINE}\n", ""),
        ("ExecMainStartTimestampMonotonic=60000000", "ExecMainStartTimestampMonotonic=0"),
    ):
        answer = answer.replace(had, has)
    return answer


def wrong_everywhere(name: str, answer: str) -> str:
    edits = {
        "s1": ("4000000 /", "1000 /"),
        "s2": ("", ""),
        "a1": ("rhel 8.5", "arch 1"),
        "c1": ("== mounts", "== mounts\nfuse.daos /mnt/home"),
    }
    return in_the_window(name, answer).replace(*edits[name])


def _codes(monkeypatch: pytest.MonkeyPatch, wrong: Wrong, **more: Any) -> set[str]:
    versions = dict.fromkeys(SITE, "2.0.3")
    current, state = fake_cluster.examined(monkeypatch, SITE, versions, wrong=wrong, **more)
    assert state is None
    return {finding.code for finding in current.refusals}


@pytest.mark.usefixtures("as_the_command_does")
def test_the_way_back_is_examined_as_the_way_forward_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The inventory against what nodes remember, space, users, and systems without a repository."""
    found = _codes(monkeypatch, wrong_everywhere, deploy=ROLLBACK, answers=SILENT)
    assert found == {
        *("not-in-inventory", "no-space", "unknown-distribution", "in-use"),
    }


@pytest.mark.usefixtures("as_the_command_does")
def test_servers_that_are_none_and_daemons_from_half_a_transaction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wrong(name: str, answer: str) -> str:
        answer = in_the_window(name, answer)
        if name == "a1":
            return answer.replace("== processes", f"== processes\n{ENGINE}")
        if name == "c1":
            agent = "Id=daos_agent.service\nActiveState="
            answer = answer.replace("daos 2.0.3-1", "daos 2.0.2-1")
            return answer.replace(f"{agent}inactive", f"{agent}active")
        return answer

    found = _codes(monkeypatch, wrong, deploy=ROLLBACK, answers=SILENT)
    assert found >= {"stray-server", "mixed-packages", "not-in-inventory"}


@pytest.mark.usefixtures("as_the_command_does")
def test_the_way_back_of_a_client_is_planned_for_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """deploy.py leads no release back; deploys/rollback.py does where no engine is concerned."""
    site = {"s1": ("servers",), "a1": ("admins",), "c1": ("clients",), "c2": ("clients",)}
    versions = {**dict.fromkeys(site, "2.0.1"), "c2": "2.0.3"}

    def wrong(name: str, answer: str) -> str:
        answer = answer.replace("=enabled", "=disabled").replace("=active", "=inactive")
        return answer.replace("== starts", f"{RECORD.text()}\n== starts")

    def away(name: str, answer: str) -> str:
        return wrong(name, answer) if name == "c2" else answer

    resolved = {"--assumeno": "Downgrading:\n daos 2.0.1-1\n daos-client 2.0.1-1\n"}
    run, state = fake_cluster.examined(
        monkeypatch, site, versions, deploy=ROLLBACK, wrong=away, answers=resolved
    )
    assert state, run.refusals
    assert run.start.outdated == {"@fake/c2"}
    assert not run.start.opens_window
    monkeypatch.setitem(fake_cluster.SETTINGS, "target_release", "2.0.1")
    run, state = fake_cluster.examined(
        monkeypatch, site, versions, deploy=DEPLOY, wrong=away, answers=resolved
    )
    assert [finding.code for finding in run.refusals] == ["no-update-path"]
