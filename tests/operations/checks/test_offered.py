"""What package managers say they would bring, before the window: the same build to all servers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from operations.checks import manager
from operations.daos.node import Node
from operations.daos.package_managers import Dnf, Yum, Zypper
from operations.machinery.settings import Settings
from operations.rules.start import Start

from ..fake_cluster import SETTINGS
from ..fake_nodes import at

# As dnf and yum print it, which name what they replace besides.
RESOLVED = """\
Dependencies resolved.
================================================================================
 Package          Arch        Version            Repository                Size
================================================================================
Upgrading:
 daos             x86_64      {build}        daos-offline-check       395 k
     replacing  daos-old.x86_64 1.0-1.el8
 daos-server      x86_64      {build}        daos-offline-check       8.4 k
"""


def _run(installed: dict[str, str], back: bool = False) -> Any:
    """A run over servers, and the client c1, that have these releases."""
    groups = {"servers": tuple(sorted({*installed} - {"c1"})), "admins": (), "clients": ("c1",)}
    settings, _ = Settings.read(SETTINGS)
    nodes: dict[str, Node | None] = {name: at(it) for name, it in installed.items()}
    return SimpleNamespace(
        settings=settings,
        target=settings.target,
        start=Start(groups, nodes, target=settings.target),
        procedure=SimpleNamespace(back=back),
    )


def _found(builds: dict[str, str], back: bool = False, **installed: str) -> list[Any]:
    """What is found where the nodes are offered these builds."""
    run = _run(dict.fromkeys((*builds, "c1"), "2.0.1") | installed, back)
    said = {name: RESOLVED.format(build=build) for name, build in builds.items()}
    return manager._several_builds(run, said)


@pytest.mark.parametrize("tool", [Yum(), Dnf()])
def test_the_build_is_read(tool: Yum) -> None:
    assert tool.offered(RESOLVED.format(build="2.0.3-6.el8")) == "2.0.3-6.el8"
    assert tool.offered("Nothing to do.\n") is None
    assert Zypper().offered(RESOLVED) is None


NARROW = """\
 daos        x86_64 2.0.3-1.el8
                         daos-offline-check
                                   395 k
 daos-server x86_64 2.0.3-1.el8
                         site 8.4 k
     replacing  daos-old.x86_64 1.0-1.el8
Transaction Summary
"""


@pytest.mark.parametrize("tool", [Yum(), Dnf()])
def test_where_each_package_would_come_from_is_read(tool: Yum) -> None:
    ours = dict.fromkeys(("daos", "daos-server"), "daos-offline-check")
    assert tool.sources_of(RESOLVED.format(build="2.0.3-6.el8")) == ours
    assert tool.sources_of(NARROW) == {**ours, "daos-server": "site"}
    assert tool.sources_of("Nothing to do.\n") == {}


def test_packages_of_daos_that_would_come_from_elsewhere_are_named_before_the_window() -> None:
    run = _run({"s1": "2.0.1", "s2": "2.0.1", "c1": "2.0.1"})
    ours = RESOLVED.format(build="2.0.3-6.el8")
    said = {"s1": ours, "s2": ours.replace("daos-offline-check  ", "site  "), "c1": ""}
    found = {name: problem for name, problem in manager._from_elsewhere(run, said) if problem}
    assert set(found) == {"s2"}
    assert "daos, daos-server from site" in found["s2"]


def test_servers_that_are_offered_several_builds_are_named_before_the_window() -> None:
    [finding] = _found({"s1": "2.0.3-5.el8", "s2": "2.0.3-6.el8", "c1": "2.0.3-7.el8"})
    assert (finding.code, finding.hosts) == ("mixed-versions", ("s1", "s2"))
    assert "2.0.3-5.el8 on s1, 2.0.3-6.el8 on s2" in finding.message
    assert "target_release in group_data/all.py, like 2.0.3-6" in finding.message


def test_what_a_server_at_the_target_has_already_counts_as_well() -> None:
    [finding] = _found({"s2": "2.0.3-6.el8"}, s1="2.0.3")
    assert "2.0.3-1.el8 on s1, 2.0.3-6.el8 on s2" in finding.message


def test_one_build_for_all_servers_is_well_and_the_way_back_brings_what_was() -> None:
    assert _found({"s1": "2.0.3-6.el8", "s2": "2.0.3-6.el8", "c1": "2.0.3-5.el8"}) == []
    assert _found({"s1": "2.0.3-5.el8", "s2": "2.0.3-6.el8"}, back=True) == []
