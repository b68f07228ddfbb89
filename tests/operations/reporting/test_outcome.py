"""What is said of the system after a run that did not get to its end."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from operations.daos.node import AGENT, SERVER, Node, Process, Service
from operations.machinery import commandline
from operations.reporting import outcome
from operations.rules.findings import Finding
from operations.rules.view import View

from .. import fake_nodes
from ..fake_nodes import CLIENT, IDLE, SERVING, at

GROUPS = {"servers": ("s1", "s2"), "admins": ("a1",), "clients": ("c1",)}
RECORD = replace(fake_nodes.RECORD, running=(AGENT,))


def off(node: Node) -> Node:
    return replace(node, services=IDLE.services, engines=(), record=RECORD)


def said(**changed: Node | None) -> str:
    nodes: dict[str, Node | None] = {"s1": SERVING, "s2": SERVING, "a1": IDLE, "c1": CLIENT}
    nodes = {name: node and at("2.0.1", node) for name, node in {**nodes, **changed}.items()}
    return "\n".join(outcome.state_of(View(GROUPS, nodes)))


def test_a_system_that_serves() -> None:
    assert "serves: engines run on every server, and every agent runs" in said()


def test_an_agent_that_nobody_wants_is_not_said_to_run() -> None:
    stopped = {SERVER: Service(), AGENT: Service()}
    text = said(c1=replace(CLIENT, services=stopped))
    assert "serves: engines run on every server, and every agent runs that is enabled" in text


def test_agents_that_are_stopped_are_named() -> None:
    text = said(c1=off(CLIENT))
    assert "engines run on every server, daos_agent is stopped on c1" in text
    assert "started by no reboot until this is finished: c1" in text


def test_an_agent_that_fails_and_is_started_again_does_not_run() -> None:
    tries = Service(running=True, on_its_way=True, state="enabled")
    text = said(c1=replace(CLIENT, services={SERVER: Service(), AGENT: tries}))
    assert "serves in part: engines run on every server, daos_agent has not started on c1" in text


def test_servers_without_engines_are_told_apart_from_stopped_ones() -> None:
    idle = replace(SERVING, engines=())
    assert "is stopped: no engine runs; daos_server still runs on s[1-2]" in said(s1=idle, s2=idle)
    assert "serves in part: engines run on s2 alone" in said(s1=off(SERVING))


def test_a_partly_updated_system_is_told_by_release() -> None:
    nodes = {"s1": at("2.0.3", off(SERVING)), "s2": at("2.0.1", off(SERVING))}
    view = View({**GROUPS, "admins": (), "clients": ()}, dict(nodes))
    assert "packages: 2.0.1 on s2; 2.0.3 on s1" in "\n".join(outcome.state_of(view))


def test_a_node_without_an_answer_is_named() -> None:
    assert "gave no answer: c1" in said(c1=None)
    assert "every agent runs of the nodes that gave an answer" in said(c1=None)


def test_the_way_back_is_the_same_command_with_another_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ["inventory.py", "deploy.py", "--data", "a=b c"]
    monkeypatch.setattr(sys, "argv", [".venv/bin/pyinfra", *words])
    monkeypatch.setitem(commandline._typed, "operations", ("deploy.py",))
    view = View(GROUPS, {"s1": at("2.0.1", off(SERVING))})
    on, back = list(outcome.what_next(view, may_go_back=True))[-2:]
    assert on.endswith(" .venv/bin/pyinfra inventory.py deploy.py --data 'a=b c'")
    assert back.endswith(" .venv/bin/pyinfra inventory.py deploys/rollback.py --data 'a=b c'")
    assert not any("rollback" in line for line in outcome.what_next(view, may_go_back=False))


def test_a_server_that_gives_no_answer_is_not_taken_for_stopped() -> None:
    assert "may serve or not" in said(s1=None, s2=off(SERVING))
    view = View(GROUPS, {"s1": None, "s2": at("2.0.1", off(SERVING))})
    assert not any("at rest" in line for line in outcome.what_next(view, may_go_back=False))


def test_nobody_is_told_to_reboot_a_server_whose_storage_is_in_memory() -> None:
    kept = at("2.0.1", off(SERVING))
    groups = {"servers": ("s1", "s2"), "admins": (), "clients": ()}
    view = View(groups, {"s1": kept, "s2": replace(kept, memory=("/mnt/daos0",))})
    [advice, _] = outcome.what_next(view, may_go_back=False)
    assert "Do not reboot s2: " in advice
    assert "to reboot them" not in advice
    [advice, _] = outcome.what_next(View(groups, {"s1": kept, "s2": kept}), may_go_back=False)
    assert "to reboot them" in advice


def test_nobody_is_told_to_reboot_a_node_in_the_middle_of_its_package_transaction() -> None:
    busy = at("2.0.1", off(SERVING), managers=(Process(9, "root", "dnf -y install"),))
    view = View({"servers": ("s1",), "admins": (), "clients": ()}, {"s1": busy})
    [advice, _] = outcome.what_next(view, may_go_back=False)
    assert "A package manager is still at work on s1" in advice
    assert "to reboot them" not in advice


def test_of_nodes_that_nobody_has_looked_at_no_state_is_told() -> None:
    [line] = outcome.state_of(View(GROUPS))
    assert "not known" in line


def test_the_reason_is_one_line_whatever_went_wrong() -> None:
    failed = [Finding("step-failed", (f"c{n}",), f"dnf failed\nlog of c{n}") for n in range(9)]
    assert outcome.reason([]) == []
    assert outcome.reason(failed) == ["[step-failed] on c[0-8]: dnf failed"]
    others = [Finding("no-answer", (), "a"), Finding("no-answer", (), "b")]
    [line] = outcome.reason([*failed, *others])
    assert line == "[step-failed] on c[0-8]: dnf failed; and 2 more, see above"
    [line] = outcome.reason([Finding("step-failed", (), "x" * 1000)])
    assert len(line) < 320
