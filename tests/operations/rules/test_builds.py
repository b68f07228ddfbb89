"""Builds of one release: a hot fix keeps the version, and raises the release of the packages."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from operations import packages, services
from operations.checks import manager
from operations.daos.node import AGENT, SERVER, Node, Service
from operations.daos.releases import Version
from operations.machinery import packaging
from operations.machinery.settings import Settings
from operations.rules import gates, memory
from operations.rules.start import Start
from operations.rules.view import View

from ..fake_cluster import SETTINGS
from ..fake_nodes import IDLE, RECORD

FIXED = Version.parse("2.0.3-6")
GROUPS = {"servers": ("s1", "s2"), "admins": (), "clients": ("c1",)}
BEFORE = replace(RECORD, release="2.0.3-5")


def _of(*evrs: str, **more: Any) -> Node:
    packages = {"daos": evrs, "daos-server": evrs[-1:]}
    return replace(IDLE, packages=packages, traced=True, **more)


def _view(s1: Node, s2: Node, **more: Any) -> Start:
    nodes: dict[str, Node | None] = {"s1": s1, "s2": s2, "c1": _of("2.0.3-5.lp153", os="sles 15.3")}
    return Start(GROUPS, nodes, **more)


def _run(target: str, node: Node) -> Any:
    settings, wrong = Settings.read({**SETTINGS, "target_release": target})
    assert wrong == []
    return SimpleNamespace(
        settings=settings,
        target=settings.target,
        start=View(GROUPS, {"s1": node}),
        dependencies={},
    )


def test_a_build_that_the_site_names_is_an_update_of_what_has_another() -> None:
    view = _view(_of("2.0.3-5.el8"), _of("2.0.3-6.el8"), target=FIXED)
    assert view.outdated == {"s1", "c1"}
    assert not gates.needed(view, FIXED)
    [finding] = gates.at_target(view, "servers", FIXED)
    assert finding.hosts == ("s1",)
    assert "2.0.3-5.el8 is installed there, not 2.0.3-6" in finding.message


def test_where_no_build_is_named_there_is_nothing_to_do() -> None:
    assert _view(_of("2.0.3-5.el8"), _of("2.0.3-6.el8"), target=Version(2, 0, 3)).outdated == set()


def test_no_update_leads_to_a_lower_build() -> None:
    [finding] = gates.update_paths(_view(_of("2.0.3-10.el8"), _of("2.0.3-6.el8")), FIXED)
    assert (finding.code, finding.hosts) == ("no-update-path", ("s1",))
    assert "2.0.3-6 is lower than the installed 2.0.3-10.el8" in finding.message


def test_servers_that_got_several_builds_are_not_started() -> None:
    [finding] = gates.one_build(_view(_of("2.0.3-5.el8"), _of("2.0.3-6.el8")))
    assert (finding.code, finding.hosts) == ("mixed-versions", ("s1", "s2"))
    assert "2.0.3-5.el8 on s1, 2.0.3-6.el8 on s2" in finding.message
    assert "target_release in group_data/all.py, like 2.0.3-6" in finding.message


@pytest.mark.parametrize(("back", "codes"), [(False, ["mixed-versions"]), (True, [])])
def test_what_was_before_is_no_matter_on_the_way_back(back: bool, codes: list[str]) -> None:
    run: Any = SimpleNamespace(target=FIXED.level, procedure=SimpleNamespace(back=back))
    found = services._may_start_servers(run, _view(_of("2.0.3-5.el8"), _of("2.0.3-6.el8")))
    assert [finding.code for finding in found] == codes


def test_a_build_of_another_operating_system_is_none_of_theirs() -> None:
    """A client has its own; servers of two systems are refused for that."""
    assert gates.one_build(_view(_of("2.0.3-6.el8"), _of("2.0.3-6.el8"))) == []
    assert gates.one_build(_view(_of("2.0.3-6.el8"), _of("2.0.3-6.lp153", os="sles 15.3"))) == []


@pytest.mark.parametrize(
    ("system", "evr", "target", "told"),
    [
        ("rhel 8.5", "2.0.3-5.el8", "2.0.3-6", "daos-2.0.3-6.el8"),
        ("centos 7.9", "2.0.3-5.el7", "2.0.3-6", "daos-2.0.3-6.el7"),
        ("sles 15.3", "2.0.3-5.lp153", "2.0.3-6", "daos=2.0.3-6.lp153"),
        ("rhel 8.5", "2.0.1-1.el8", "2.0.3-4.10.g1a2b3c4.el8", "daos-2.0.3-4.10.g1a2b3c4.el8"),
        ("rhel 8.5", "2.0.1-1.el8", "2.0.3", "daos-2.0.3"),
    ],
)
def test_package_managers_are_told_the_build_as_the_distribution_has_it(
    system: str, evr: str, target: str, told: str
) -> None:
    node = replace(IDLE, os=system, packages={"daos": (evr,)})
    run = _run(target, node)
    assert packaging.line_for(run, "{packages}", "s1", node, run.target).split()[-2:] == [
        told,
        told.replace("daos", "daos-server", 1),
    ]


def test_of_two_builds_the_old_half_is_erased_and_what_is_there_already_is_not_asked_for() -> None:
    node = _of("2.0.3-5.el8", "2.0.3-6.el8")
    run = _run("2.0.3-6", node)
    line = packages._transaction(run, "true", "s1", node, run.target)
    assert "has %{NAME} %{VERSION}-%{RELEASE} " in line
    assert '$3 == "2.0.3-6.el8"' in line
    assert node.half(run.target)
    assert not node.half(Version(2, 0, 3))
    assert node.highest == Version.parse("2.0.3-6.el8")
    assert packaging.others(node, ["daos"], run.target) == ["daos is 2.0.3-5.el8 and 2.0.3-6.el8"]
    assert packaging.missing(node, ["servers"], run.target) == ["daos"]


def test_of_a_build_that_nobody_knows_none_is_the_highest() -> None:
    assert _of("2.0.3-5.el8", "2.0.3-rc1.el8").highest is None


def test_for_a_hot_fix_a_node_remembers_its_build_and_else_its_release() -> None:
    node = _of("2.0.3-5.el8")
    assert node.remembered_as(FIXED) == "2.0.3-5"
    assert node.remembered_as(FIXED.level) == "2.0.3"
    assert node.remembered_as(Version.parse("2.0.4-6")) == "2.0.3"


def test_a_server_that_lost_its_record_of_a_hot_fix_may_have_started_on_it() -> None:
    """What the others have kept of it is its build."""
    view = _view(_of("2.0.3-5.el8"), replace(_of("2.0.3-5.el8"), hostname="node-2"))
    kept = replace(BEFORE, had=memory.of_all(view, FIXED))
    lost = replace(_of("2.0.3-6.el8"), hostname="node-2")
    mended = memory.mended(_view(_of("2.0.3-6.el8", record=kept), lost)).node("s2")
    assert mended.record
    assert (mended.record.release, mended.record.started) == ("2.0.3-5", "2.0.3")


LATER = {SERVER: Service(running=True), AGENT: Service()}


@pytest.mark.parametrize(
    ("node", "may_go_back"),
    [
        (_of("2.0.3-5.el8", record=BEFORE, services=LATER), True),
        (_of("2.0.3-6.el8", record=BEFORE), True),
        (_of("2.0.3-6.el8", record=BEFORE, services=LATER), False),
        (_of("2.0.3-6.el8", record=BEFORE.starting("2.0.3-6")), False),
        (_of("2.0.3-5.el8", record=BEFORE.starting("2.0.3-5"), services=LATER), True),
        (_of("2.0.3-6.el8", record=BEFORE, starts=("2.0.3-5.el8",)), True),
        (_of("2.0.3-6.el8", record=BEFORE, starts=("2.0.3-6.el8",)), False),
        (_of("2.0.3-6.el8", record=BEFORE, starts=("2.0.3",)), False),
    ],
    ids=[
        *("not updated", "not started", "by systemd", "marked", "back once before"),
        *("by hand on the old one", "by hand on the new one", "by hand, on which nobody knows"),
    ],
)
def test_an_engine_of_a_hot_fix_never_goes_back(node: Node, may_go_back: bool) -> None:
    view = View({"servers": ("s1",), "admins": (), "clients": ()}, {"s1": node})
    assert (gates.never_started(view) == []) == may_go_back


def test_no_server_starts_on_a_lower_build_than_its_engines_have_run_on() -> None:
    old = _of("2.0.3-5.el8", record=BEFORE, starts=("2.0.3-5.el8", "2.0.3-6.el8"))
    new = _of("2.0.3-6.el8", record=BEFORE, starts=("2.0.3-5.el8", "2.0.3-6.el8"))
    [finding] = gates.never_lower(_view(old, new))
    assert (finding.code, finding.hosts) == ("engine-started", ("s1",))


def test_packages_of_a_hot_fix_are_seen_to_be_signed_in_a_later_run() -> None:
    fixed = _of("2.0.3-6.el8", record=BEFORE)
    assert manager._updated(_run("2.0.3-6", fixed), fixed)
    assert not manager._updated(_run("2.0.3-5", fixed), fixed)
