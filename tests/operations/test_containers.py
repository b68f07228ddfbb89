"""Containers are counted by what a client sees, and what cannot be told is not told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from operations import containers
from operations.machinery import commandline

from .fake_cluster import A, B, examined

SITE = {"s1": ("servers",), "a1": ("admins",), "c1": ("clients",)}
POOL = "5c5d9a51-47e9-4894-b226-97ed860a1424"
LISTED = f"""== {POOL}
{{"response": [{{"UUID": "{A}", "Label": "home"}}, {{"UUID": "{B}", "Label": ""}}],
  "error": null, "status": 0}}
"""
EMPTY = f'== {POOL}\n{{"response": null, "error": null, "status": 0}}\n'
DENIED = f'== {POOL}\n{{"response": null, "error": "DER_NO_PERM", "status": -1001}}\n'
HANGS = f"== {POOL}\n"


@pytest.mark.parametrize(
    ("answer", "count"), [(LISTED, 2), (EMPTY, 0), (DENIED, None), (HANGS, None)]
)
def test_what_a_client_sees(
    as_the_command_does: None, monkeypatch: pytest.MonkeyPatch, answer: str, count: int | None
) -> None:
    assert counted(monkeypatch, answer) == ({POOL: (count, None)} if count is not None else {})


def test_nothing_is_counted_for_a_plan(
    as_the_command_does: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commandline, "_typed", {"dry": True})
    assert counted(monkeypatch, LISTED) == {}


def counted(monkeypatch: pytest.MonkeyPatch, answer: str) -> dict[str, Any]:
    versions = dict.fromkeys(SITE, "2.0.1")
    answers = {"daos -j container list": answer}
    current, _ = examined(monkeypatch, SITE, versions, answers=answers)
    current.containers = {}
    current.start = replace(current.start, pools={POOL: "tank"})
    containers.count_before(current)
    return current.containers
