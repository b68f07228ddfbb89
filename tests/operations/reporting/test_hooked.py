"""What the site is told at the end of a run, by what the run was and how the cluster is left."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from operations.daos.node import Node
from operations.daos.releases import Version
from operations.machinery.window import OfflineWindow
from operations.reporting import hooked
from operations.rules.start import Start
from operations.rules.view import View

from .. import fake_nodes

GROUPS = {"servers": ("s1", "s2"), "admins": ("s1",), "clients": ()}
REMEMBERS = replace(fake_nodes.IDLE, record=fake_nodes.RECORD)
OLD, NEW = fake_nodes.at("2.0.1", fake_nodes.SERVING), fake_nodes.at("2.0.3", fake_nodes.SERVING)
DOWN = fake_nodes.at("2.0.3", REMEMBERS)
HELD = replace(OLD, record=fake_nodes.RECORD)

UPDATE, GOING_ON, STAGE = (OLD, OLD), (DOWN, DOWN), "complete"


def events(
    found: tuple[Node, Node],
    left: tuple[Node | None, Node | None] | None,
    outcome: str,
    opened: bool = True,
    **more: Any,
) -> list[str]:
    """What is told of a run.

    + found, left: the two servers, before and after
    + opened: whether this run has stopped something
    + more: what else is so of the run
    """
    start = Start(GROUPS, dict(zip(("s1", "s2"), found, strict=True)), target=Version(2, 0, 3))
    window = OfflineWindow()
    window.resumed(start.opened_before, start.ages)
    if opened:
        window.opened()
    if more.pop("closed", False):
        window.closed()
    after = View(GROUPS, dict(zip(("s1", "s2"), left, strict=True))) if left else None
    run: Any = SimpleNamespace(
        start=start,
        window=window,
        interrupted=more.get("interrupted", False),
        hooks=SimpleNamespace(asked=more.get("asked", opened)),
    )
    return [*hooked._events(run, outcome, after)]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (events(UPDATE, (NEW, NEW), "updated", closed=True), ["closed"]),
        (events(GOING_ON, (NEW, NEW), "updated", opened=False, closed=True), ["closed"]),
        (events(GOING_ON, (OLD, OLD), "rolled back", opened=False, closed=True), ["closed"]),
        # An earlier run was interrupted after the last agent had started, or before the first stop.
        (events((HELD, HELD), (NEW, NEW), "updated", opened=False), ["closed"]),
        # DAOS is left down, as a stage of a migration does.
        (events(UPDATE, (DOWN, DOWN), STAGE), []),
        # A client does not reach a system that serves.
        (events(UPDATE, (NEW, NEW), "failed", closed=True), ["closed", "failed"]),
        (events(UPDATE, (DOWN, DOWN), "failed"), ["failed"]),
        (events(UPDATE, (NEW, None), "failed", closed=True), ["failed"]),
        # What the servers remember was lost while DAOS is down.
        (events(GOING_ON, (fake_nodes.IDLE, fake_nodes.IDLE), "failed"), ["failed"]),
        (events(UPDATE, (OLD, OLD), "refused", opened=False), ["refused"]),
        (events(GOING_ON, None, "refused", opened=False), ["refused"]),
        (events((NEW, NEW), (NEW, NEW), "nothing to do", opened=False), []),
        # One node alone was updated later: there was no window.
        (events((NEW, NEW), (NEW, NEW), "updated", closed=True), []),
        # Ctrl-C: before anything was asked; while the site was asked; with DAOS down.
        (events(UPDATE, (OLD, OLD), "failed", opened=False, interrupted=True), []),
        (
            events(UPDATE, (OLD, OLD), "failed", opened=False, interrupted=True, asked=True),
            ["failed"],
        ),
        (events(UPDATE, (DOWN, DOWN), "failed", interrupted=True), ["failed"]),
        # The tool itself has failed.
        (events(UPDATE, None, "failed", opened=False), ["failed"]),
    ],
)
def test_what_the_site_is_told(told: list[str], expected: list[str]) -> None:
    assert told == expected
