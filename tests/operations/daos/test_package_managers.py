"""The lines that package managers are told: exactly those that were tried on real ones.

tests/data/package_lines/ holds them by manager, a heading for each purpose.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from operations import packages
from operations.checks import manager as check
from operations.daos.node import Node
from operations.daos.releases import Version
from operations.machinery import hosts
from operations.machinery.settings import Settings
from operations.migration import install
from operations.rules.view import View

from ..fake_cluster import SETTINGS

LINES = Path(__file__).parents[2] / "data" / "package_lines"
SYSTEMS = {"yum": "centos 7.9", "dnf": "rhel 8.5", "zypper": "sles 15.3"}


def _run(system: str, target: str, had: str) -> Any:
    node = Node("s1", system, packages={"daos": (f"{had}-1",), "daos-client": (f"{had}-1",)})
    start = View({"servers": ("s1",), "admins": ("s1",), "clients": ()}, {"s1": node})
    settings = Settings.read({**SETTINGS, "target_release": target})
    return SimpleNamespace(state=None, settings=settings, start=start, back=target < had)


def told(manager: str) -> Iterator[tuple[str, str]]:
    """Every purpose, and what a node is told for it."""
    forth, back = (_run(SYSTEMS[manager], *r) for r in (("2.0.3", "2.0.1"), ("1.2.0", "2.0.3")))
    target = Version(2, 0, 3)
    for run, way in ((forth, "forth"), (back, "back")):
        node = run.start.node("s1")
        takes = packages.distribution(run, node)
        yield f"repository {way}", packages.definition(run, takes, node)
        yield f"resolve {way}", check._line(run, "s1")
    yield "folder", packages.FOLDERS[manager]
    node = forth.start.node("s1")
    tables = {
        "fetch": packages._FETCH,
        "install": packages._UPDATE,
        "fetch back": packages._FETCH_BACK,
        "finish": packages._FINISH,
        "downgrade": packages._RETURN,
        "fetch with os": packages._FETCH_WITH_OS,
        "install with os": packages._UPDATE_WITH_OS,
    }
    for purpose, lines in tables.items():
        if manager in lines:
            yield purpose, packages.line_for(forth, lines, "s1", node, target)
    if manager in packages._UPDATE_WITH_OS:
        with patch.object(hosts, "command", return_value=(True, "", "")) as command:
            install._os_lacks(forth, SimpleNamespace(name="s1"), manager)  # type: ignore[arg-type]
        yield "later os", command.call_args.args[2]
    yield "transaction", packages._transaction(forth, packages._UPDATE, "s1", node, target)


@pytest.mark.parametrize("manager", SYSTEMS)
def test_the_lines_are_those_that_were_tried(manager: str) -> None:
    lines = "".join(f"== {purpose}\n{line}\n" for purpose, line in told(manager))
    assert lines == (LINES / f"{manager}.txt").read_text()
