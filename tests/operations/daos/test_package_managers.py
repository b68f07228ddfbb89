"""The lines that package managers are told: exactly those that were tried on real ones.

tests/data/package_lines/ holds them by manager, a heading for each purpose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from operations import packages
from operations.daos import platforms
from operations.daos.node import SCRIPT, Node
from operations.daos.releases import Version
from operations.machinery import packaging
from operations.machinery.settings import Settings
from operations.rules.view import View

from ..fake_cluster import SETTINGS

LINES = Path(__file__).parents[2] / "data" / "package_lines"
SYSTEMS = {"yum": "centos 7.9", "dnf": "rhel 8.5", "zypper": "sles 15.3"}


def _run(system: str, target: str, had: str) -> Any:
    node = Node("s1", system, packages={"daos": (f"{had}-1",), "daos-client": (f"{had}-1",)})
    start = View({"servers": ("s1",), "admins": ("s1",), "clients": ()}, {"s1": node})
    settings, _ = Settings.read({**SETTINGS, "target_release": target})
    procedure = SimpleNamespace(back=target < had)
    return SimpleNamespace(
        settings=settings,
        start=start,
        procedure=procedure,
        target=settings.target,
        dependencies={},
    )


def told(name: str) -> Iterator[tuple[str, str]]:
    """Every purpose, and what a node is told for it."""
    forth, back = (_run(SYSTEMS[name], *r) for r in (("2.0.3", "2.0.1"), ("1.2.0", "2.0.3")))
    for run, way in ((forth, "forth"), (back, "back")):
        node = run.start.node("s1")
        takes = packaging.distribution(run, node)
        yield f"repository {way}", packaging.definition(run, takes, node)
        tried = packaging.tried(run, takes.manager.resolve, "s1", node)
        yield f"resolve {way}", tried
    node, manager = forth.start.node("s1"), takes.manager
    yield "folder", manager.folder
    purposes = {
        "newer": (manager.newer, False),
        "fetch": (manager.fetch, False),
        "install": (manager.install, False),
        "fetch back": (manager.fetch, True),
        "finish": (manager.finish, False),
        "downgrade": (manager.install, True),
        "fetch with os": (manager.fetch_with_os, False),
        "install with os": (manager.install_with_os, False),
        "later os": (manager.find_os, False),
    }
    target = Version(2, 0, 3)
    for purpose, (line, is_back) in purposes.items():
        if line:
            yield purpose, packaging.line_for(forth, line, "s1", node, target, is_back)
    install = packaging.line_for(forth, manager.install, "s1", node, target)
    yield "transaction", packages._transaction(forth, install, "s1", node, target)


@pytest.mark.parametrize("manager", SYSTEMS)
def test_the_lines_are_those_that_were_tried(manager: str) -> None:
    lines = "".join(f"== {purpose}\n{line}\n" for purpose, line in told(manager))
    assert lines == (LINES / f"{manager}.txt").read_text()


def test_every_package_manager_is_tried_here_and_looked_for_on_nodes() -> None:
    distributions = [platforms.named(name) for name in platforms.NAMES]
    commands = {found.manager.command for found in distributions if found}
    assert commands == set(SYSTEMS)
    looked_for = re.search(r"managers='(.*)'", SCRIPT)
    assert looked_for
    assert commands <= set(looked_for[1].split("|"))
