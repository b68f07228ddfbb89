"""What a plan says, and a report, of what is updated with DAOS; the nodes' answers are canned."""

from __future__ import annotations

import pytest

from operations.machinery import plan
from operations.machinery.run import Run
from operations.reporting.report import Report

from .fake_cluster import RESOLVED, SETTINGS, examined

pytestmark = pytest.mark.usefixtures("as_the_command_does")

ROLES_OF = {"s1": ("servers",), "s2": ("servers",), "login": ("admins", "clients")}
VERSIONS = dict.fromkeys(ROLES_OF, "2.0.1")
ANSWERS = {
    "check-update": "spdk-tools.noarch  21.07-11  daos-offline-check\n",
    "|EPOCH?": "spdk-tools 21.07-8.noarch\n",
    "--assumeno": f"{RESOLVED} spdk-tools  noarch  21.07-11\n",
}


def _examined(monkeypatch: pytest.MonkeyPatch, **answers: str) -> Run:
    return examined(monkeypatch, ROLES_OF, VERSIONS, answers={**ANSWERS, **answers})[0]


def test_the_plan_lists_what_changes_with_daos(monkeypatch: pytest.MonkeyPatch) -> None:
    run = _examined(monkeypatch)
    assert (
        "-- with spdk-tools 21.07-8.noarch -> 21.07-11.noarch  @fake/login,@fake/s[1-2]"
        in plan.lines(run)
    )


def test_a_site_may_have_nothing_but_daos_updated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "update_dependencies", False)
    run = _examined(monkeypatch)
    assert not run.refusals
    assert not any("spdk" in line for line in plan.lines(run))


def test_what_would_be_left_behind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    [finding] = _examined(monkeypatch, **{"--assumeno": RESOLVED}).refusals
    assert (finding.code, len(finding.hosts)) == ("packages-not-available", len(ROLES_OF))
    assert "it would not install spdk-tools" in finding.message
    assert "update_dependencies = False" in finding.message


def test_the_report_has_it_for_each_node(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = Report(_examined(monkeypatch)).content()["hosts"]
    changes = {"spdk-tools": {"before": "21.07-8.noarch", "after": "21.07-11.noarch"}}
    assert [host["dependencies"] for host in hosts.values()] == [changes] * len(ROLES_OF)
