"""The lab's dmg of 2.2 and later answers in JSON what the real one does, byte for byte."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from testbed.sim.common import release
from testbed.sim.common.errors import NO_ENGINE
from testbed.sim.dmg import asking, output
from testbed.sim.dmg.common import CommandFailed

from ... import captures
from ...captures import Capture
from .captured import run
from .captured_later import Service

RELEASES = ("2.2.0", "2.4.2", "2.6.5", "2.8.0")
STATES = ("joined", "stopped", "degraded", "oldlayout", "mixed")
# What an update asks, in the words of its options; errors are in the lab's own words.
ASKED = ("system query", "pool list", "pool query", "system leader-query", "version")
# What the lab's dmg does not know, since no update types it, and a replica that is down.
UNTOLD = (
    *("show-disabled", "show-enabled", "health-only", "not-ok", "with-states_joined"),
    "mixed.json_system_leader-query",
)
# The service of the captures has it of its own accord: the lab says it where it is asked for.
_UNASKED = ("disabled_ranks", "enabled_ranks")
# The reasons of states, which were made up there.
_MADE_UP = ("info", "sys_self_heal_policy", "query_error_msg")


def _told() -> list[Any]:
    found = []
    for version in RELEASES:
        for capture in captures.read(version):
            state, _, _ = capture.name.partition(".")
            asked = capture.arguments.removeprefix("-j ")
            untold = capture.exit_code != 0 or state not in STATES or capture.name.endswith(UNTOLD)
            if not untold and asked.startswith(ASKED):
                found.append(pytest.param(version, state, capture, id=f"{version}-{capture.name}"))
    return found


def test_there_are_captures() -> None:
    assert len(_told()) > 80


@pytest.mark.parametrize(("version", "state", "capture"), _told())
def test_json_of_later_releases(
    version: str, state: str, capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = partial(Service, version)
    code, said = run(monkeypatch, version, state, capture.arguments.split(), service)
    assert (code, _comparable(said)) == (0, _comparable(capture.output))


@pytest.mark.parametrize(("version", "patient"), [("2.2.0", False), ("2.4.2", True)])
def test_from_2_4_on_it_goes_on_asking_while_no_engine_runs(
    version: str, patient: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def ask(dmg: asking.Dmg, what: str, *_: Any) -> str:
        asked.append(what)
        if len(asked) < 4:
            raise dmg.refused(what, NO_ENGINE, "FailedPrecondition")
        return "an answer"

    monkeypatch.setattr(asking.Dmg, "_ask", ask)
    monkeypatch.setattr(asking, "_AGAIN", 0.0)
    monkeypatch.setattr(release, "installed", lambda: version)
    if patient:
        assert asking.Dmg({}).call("PoolQuery", "pool query") == "an answer"
    else:
        with pytest.raises(CommandFailed, match=NO_ENGINE):
            asking.Dmg({}).call("PoolQuery", "pool query")
        assert len(asked) == 1


def _comparable(said: str) -> str:
    """The text, with what is made up in the captures left open."""
    if not said.startswith("{"):
        return said

    def left_open(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {key: None if key in (*_UNASKED, *_MADE_UP) else value for key, value in pairs}

    found = json.loads(said, object_pairs_hook=left_open)
    assert said == output.json_answer(*json.loads(said).values())  # so it is laid out
    return output.json_answer(*found.values())
