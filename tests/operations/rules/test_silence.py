"""Why a node has not answered: in its own words, with what to do."""

from __future__ import annotations

import pytest

from operations.daos.dmg import Member
from operations.rules import gates
from operations.rules.silence import why
from operations.rules.view import View

from ..fake_nodes import SERVING


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("sudo: a password is required", "NOPASSWD"),
        ("sudo-rs: interactive authentication is required", "NOPASSWD"),
        ("Sorry, try again.\nsudo: 3 incorrect password attempts", "type it again"),
        ("sudo: sorry, you must have a tty to run sudo", "requiretty"),
        ("ops is not in the sudoers file.  This incident will be reported.", "/etc/sudoers"),
        ("Sorry, user ops is not allowed to execute '/bin/sh -c x' as root on c1.", "/etc/sudoers"),
        ("sh: sudo: command not found", "install"),
        ("This account is currently not available.", "login shell"),
        ("Unmatched '.", "usermod -s /bin/bash"),
        ("there is no findmnt: install the packages", "findmnt"),
        ("error: cannot open Packages database", "cannot open Packages"),
        ("", "no complete answer"),
    ],
)
def test_the_cause_is_told_with_what_the_node_said(said: str, told: str) -> None:
    message = why(f"Welcome\n{said}")
    assert told in message
    assert said.rpartition("\n")[2].strip() in message
    assert "window.json" not in message


def test_in_the_window_it_is_told_as_well() -> None:
    view = View({"servers": (), "admins": (), "clients": ("c1", "c2")}, {"c1": None, "c2": None})
    view.said["c1"] = "sudo: a password is required"
    asked, silent = gates.answering(view)
    assert (asked.hosts, silent.hosts) == (("c1",), ("c2",))
    assert "NOPASSWD" in asked.message


def test_a_rank_may_be_on_the_server_that_gave_no_answer() -> None:
    groups: dict[str, tuple[str, ...]] = {"servers": ("s1", "s2"), "admins": (), "clients": ()}
    ranks = [Member(n, host, f"10.0.0.{n}", "joined", "") for n, host in enumerate(("node-1", "x"))]
    nodes = {"s1": SERVING, "s2": None}
    [finding] = gates.known_servers(View(groups, dict(nodes)), ranks)
    assert (finding.code, finding.hosts) == ("no-answer", ("s2",))
    [finding] = gates.known_servers(View({**groups, "servers": ("s1",)}, {"s1": SERVING}), ranks)
    assert finding.code == "not-in-inventory"


def test_a_server_of_before_may_be_the_one_that_gives_no_answer() -> None:
    groups: dict[str, tuple[str, ...]] = {"servers": ("s1", "s2"), "admins": (), "clients": ()}
    view = View(groups, {"s1": SERVING, "s2": None})
    assert gates.remembered_servers(view, ["node-1", "s2"]) == []
    assert gates.remembered_servers(view, ["node-1", "node-2"], given_up=["NODE-2.site"]) == []
    [finding] = gates.remembered_servers(view, ["node-1", "node-2"])
    assert (finding.code, finding.hosts) == ("no-answer", ("s2",))
    assert "it may be node-2" in finding.message
    [finding] = gates.remembered_servers(
        View({**groups, "servers": ("s1",)}, {"s1": SERVING}), ["s2"]
    )
    assert (finding.code, finding.hosts) == ("not-in-inventory", ("s2",))
