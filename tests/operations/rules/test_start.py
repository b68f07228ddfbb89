"""What a run has planned by, and whether that is still so once it has begun."""

from __future__ import annotations

from dataclasses import replace

import pytest

from operations.daos.node import Node
from operations.daos.releases import Version
from operations.rules.start import Start
from operations.rules.view import View

from ..fake_nodes import CLIENT, IDLE, RECORD, SERVING, at

GROUPS: dict[str, tuple[str, ...]] = {"servers": ("s1", "s2"), "admins": (), "clients": ("c1",)}
NODES: dict[str, Node | None] = {"s1": SERVING, "s2": SERVING, "c1": CLIENT}
START = Start(GROUPS, NODES, target=Version.parse("2.0.3"))


def changed(start: Start = START, **nodes: Node | None) -> list[str]:
    return start.changed(View(start.groups, {**start.nodes, **nodes}))


@pytest.mark.parametrize(
    "node",
    [
        at("2.0.3", SERVING),  # another run has updated it
        replace(SERVING, packages={"daos": ("2.0.1-1.el8", "2.0.3-1.el8")}),  # or half of it
        replace(SERVING, record=RECORD),  # or has begun
    ],
)
def test_another_run_has_been_there(node: Node) -> None:
    assert changed(s2=node) == ["s2"]


def test_what_is_remembered_was_added_to_or_is_gone() -> None:
    start = START.anew(View(GROUPS, {"s1": replace(IDLE, record=RECORD)}))
    assert changed(start) == []
    assert changed(start, s1=replace(IDLE, record=RECORD.starting("2.0.3"))) == ["s1"]
    assert changed(start, s1=SERVING) == ["s1"]


def test_what_each_step_judges_itself_is_no_other_plan() -> None:
    assert changed(s2=IDLE, c1=IDLE) == []


def test_who_says_nothing_is_judged_by_the_steps() -> None:
    assert changed(s2=None) == []
    assert START.anew(View(GROUPS, {"s1": IDLE, "s2": None})).nodes == {**NODES, "s1": IDLE}


def test_a_client_alone_is_another_plan_once_nothing_serves() -> None:
    alone = START.anew(View(GROUPS, dict.fromkeys(GROUPS["servers"], at("2.0.3", SERVING))))
    assert not alone.opens_window
    assert changed(alone, **dict.fromkeys(GROUPS["servers"], at("2.0.3", IDLE))) == ["s1", "s2"]


def test_what_all_nodes_ask_is_told_once() -> None:
    assert START.of("servers") is START.of("servers")
    assert list(START.of("clients")) == ["c1"]
    silent = replace(START, nodes={**NODES, "s1": None})
    assert list(silent.of("servers")) == ["s2"]
    with pytest.raises(TypeError):
        silent.of()["s1"] = SERVING  # type: ignore[index]
