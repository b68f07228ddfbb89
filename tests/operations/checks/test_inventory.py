"""The inventory, against what its nodes say that they are, and what they remember of an update."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from operations.checks.inventory import foreign_records, twice_named
from operations.daos.window_file import Record
from operations.rules.view import View

from ..fake_nodes import IDLE, RECORD


def _of_system(*servers: str, **more: Any) -> Record:
    return replace(RECORD, servers=servers, **more)


def test_a_record_of_another_system_is_found_and_no_other() -> None:
    """A disk that was cloned brings it; a name of the inventory is none of the node's own."""
    own, other = _of_system("s1.site", "s2"), _of_system("stor-1", "stor-2")
    groups = {"servers": ("s1", "nas"), "admins": (), "clients": ("c1", "c2")}
    nodes = {
        "s1": replace(IDLE, hostname="s1", record=own),
        "nas": replace(IDLE, hostname="s2", record=own),
        "c1": replace(IDLE, hostname="c1", record=own),
        "c2": replace(IDLE, hostname="c2", record=None),
    }
    assert foreign_records(View(groups, {**nodes})) == []
    for name in ("nas", "c1"):
        cloned = replace(nodes[name], record=other)
        [finding] = foreign_records(View(groups, {**nodes, name: cloned}))
        assert (finding.code, finding.hosts) == ("foreign-record", (name,))
        assert "stor-[1-2]" in finding.message
        assert "mv /var/lib/daos-offline-update /root" in finding.message
        lent = replace(cloned, mended=True)  # of what the servers have kept
        assert foreign_records(View(groups, {**nodes, name: lent})) == []
    # A silent server may be one that the client means.
    away = {**nodes, "nas": None, "c1": replace(nodes["c1"], record=other)}
    assert foreign_records(View(groups, away)) == []


def test_one_node_under_two_names_is_found() -> None:
    one = replace(IDLE, itself=("a.example", "b0071d", "10.0.0.1"))
    other = replace(IDLE, itself=("a.example", "b0072e", "10.0.0.1"))  # cloned, not the same
    groups = {"servers": (), "admins": ("login",), "clients": ("a", "b")}
    [finding] = twice_named(View(groups, {"login": one, "a": one, "b": other}))
    assert (finding.code, finding.hosts) == ("named-twice", ("login", "a"))
    assert twice_named(View(groups, {"login": one, "b": other, "a": None})) == []
