"""What the lab itself notes for the referee, among the events of its nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from testbed.lab.container import Node
from testbed.lab.harness import Lab, LabNode
from testbed.referee import judge, read

from .histories import UPDATE, History


class SilentNode:
    """A node whose event log is given."""

    def __init__(self, log: str) -> None:
        self._log = log

    def read(self, _path: str) -> str:
        return self._log


def a_lab(*logs: str) -> Lab:
    lab = Lab([LabNode("server-01", frozenset({"servers"}))])
    for number, log in enumerate(logs):
        lab.nodes[f"node-{number}"] = cast(Node, SilentNode(log))
    return lab


def test_notes_are_events_and_come_in_the_order_of_time(tmp_path: Path) -> None:
    early, late = History().events[:2]
    late = {**late, "time": "2999-01-01T00:00:00.000000Z"}
    lab = a_lab(json.dumps(late) + "\n", json.dumps(early) + "\n")
    lab.note("command", argv=UPDATE)
    lab.note("command-ended", argv=UPDATE, exit=0)
    lab.collect_events(tmp_path / "run" / "events.jsonl")
    found = read(tmp_path / "run" / "events.jsonl")
    kinds = [(event["host"], event["event"]) for event in found]
    noted = [("lab", "command"), ("lab", "command-ended")]
    assert kinds == [(early["host"], "boot"), *noted, (late["host"], "boot")]
    assert judge(found)


def test_what_the_system_holds_is_noted_without_how_full_it_is(monkeypatch: Any) -> None:
    lab = a_lab()
    of_2_6 = {"uuid": "u2", "disabled_targets": 0, "total_targets": 8, "active_targets": 8}
    pools = [{"label": "tank", "uuid": "u1", "targets_disabled": 0, "used": 7}, of_2_6]
    now = {"uuid": "u2", "targets_disabled": 0, "targets_total": 8}  # the same, by older names
    monkeypatch.setattr(Lab, "pool_list", lambda _: pools)
    monkeypatch.setattr(Lab, "digests", lambda _: {"tank": "d1"})
    lab.note_contents()
    [event] = lab.events()
    assert event["details"] == {
        "pools": {"tank": {"uuid": "u1", "targets_disabled": 0}, "u2": now},
        "digests": {"tank": "d1"},
    }
