"""Wrong procedures: each is caught, by a gate before it does harm, or at least by the referee.

For each of the rules R1 to R12 there is one that a gate catches, and that breaks just this rule as
soon as the gate is taken out. docs/rules.md has them as tables.
"""

from __future__ import annotations

import pytest

from testbed.lab.harness import LabNode
from testbed.referee import judge

from ..lab.site import ADMIN, CLIENT, DAOS_ALONE, SERVER, Outcome, Site, StartSite, nodes
from .mutated import Edit, install
from .mutations import ADMIN_LEFT, GATED, REFEREED, RULES, Rule, Wrong
from .scenes import RUNS, SCENES, mend

pytestmark = pytest.mark.lab

NODES = [
    LabNode("daos-server-01", SERVER),
    LabNode("daos-server-02", SERVER),
    LabNode("login-01", ADMIN | CLIENT),
]


def _start(start: StartSite, wrong: Wrong) -> Site:
    version = "2.0.3" if wrong.scene == "all is updated" else "2.0.1"
    site = start(NODES, version=version)
    site.settings.update(DAOS_ALONE)
    install(site)
    SCENES[wrong.scene](site)
    return site


def _type(site: Site, wrong: Wrong, without: tuple[Edit, ...] = ()) -> Outcome:
    install(site, (*wrong.edits, *without), wrong.file)
    return RUNS[wrong.while_it_runs](site, wrong.file, *wrong.flags)


def _broken(site: Site) -> set[str]:
    return {verdict.rule for verdict in judge(site.lab.events()) if verdict.state == "broken"}


def _codes(site: Site) -> set[str]:
    """What gates and checks found in the last run."""
    return {finding["code"] for finding in site.report["refusals"] + site.report["failures"]}


def _is_caught(site: Site, wrong: Wrong, done: Outcome) -> None:
    """The procedure ended at a gate."""
    assert done.exit_code not in (0, 130), done.output
    assert {wrong.gate, wrong.otherwise} & _codes(site), f"{wrong.name}: {done.output}"


def _is_judged(site: Site, wrong: Wrong, done: Outcome) -> None:
    """The referee says that the procedure breaks just the rules that it is expected to break."""
    site.broken_rules = _broken(site)
    assert wrong.breaks <= site.broken_rules <= wrong.breaks | wrong.perhaps, done.output


@pytest.mark.parametrize("rule", RULES, ids=[f"{rule.rule}-{rule.wrong.name}" for rule in RULES])
def test_a_gate_keeps_the_rule(start_fresh_site: StartSite, rule: Rule) -> None:
    wrong = rule.wrong
    site = _start(start_fresh_site, wrong)
    done = _type(site, wrong)
    _is_caught(site, wrong, done)
    assert _broken(site) == (set(wrong.breaks) if rule.harmed else set())

    done = _type(site, wrong, rule.without)
    assert wrong.gate not in _codes(site), "another gate found the same"
    _is_judged(site, wrong, done)


def test_gates_catch_one_wrong_procedure_after_the_other(start_fresh_site: StartSite) -> None:
    """On one system: each goes on from where the one before was refused, at last the right one."""
    site = start_fresh_site(NODES)
    site.settings.update(DAOS_ALONE)
    site.lab.note_contents()
    for wrong in GATED:
        SCENES[wrong.scene](site)
        done = _type(site, wrong)
        mend(site)
        _is_caught(site, wrong, done)
        assert _broken(site) == set(), wrong.name
    install(site)
    done = site.update()
    assert done.exit_code == 0, done.output
    assert site.report["outcome"] == "updated"
    site.lab.note_contents()


def test_an_admin_node_is_not_passed_over(start_fresh_site: StartSite) -> None:
    site = start_fresh_site(nodes(servers=1, clients=1))
    _is_caught(site, ADMIN_LEFT, _type(site, ADMIN_LEFT))
    assert _broken(site) == set()


@pytest.mark.parametrize("wrong", REFEREED, ids=[wrong.name for wrong in REFEREED])
def test_the_referee_catches(start_fresh_site: StartSite, wrong: Wrong) -> None:
    site = _start(start_fresh_site, wrong)
    done = _type(site, wrong)
    _is_judged(site, wrong, done)
