"""Wrong procedures on a lab, one of each kind; test_simulated.py has all of them."""

from __future__ import annotations

import pytest

from testbed.lab.harness import LabNode
from testbed.referee import judge

from ..lab.site import ADMIN, CLIENT, DAOS_ALONE, SERVER, Outcome, Site, StartSite
from .mutated import Edit, install
from .mutations import BY_FORCE, RULES, Rule, Wrong
from .scenes import RUNS, SCENES

pytestmark = pytest.mark.lab

NODES = [
    LabNode("daos-server-01", SERVER),
    LabNode("daos-server-02", SERVER),
    LabNode("login-01", ADMIN | CLIENT),
]

# A step that is left out, data that is gone, flags of pyinfra's, and a reboot meanwhile. A system
# that is not whole and a way back too late are refused on the lab elsewhere, in tests/lab.
_KINDS = {"R3", "R7", "R8", "R11"}
ON_LAB = [rule for rule in RULES if rule.rule in _KINDS]


def _start(start: StartSite, wrong: Wrong) -> Site:
    site = start(NODES)
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


@pytest.mark.parametrize("rule", ON_LAB, ids=[f"{rule.rule}-{rule.wrong.name}" for rule in ON_LAB])
def test_a_gate_keeps_the_rule(start_fresh_site: StartSite, rule: Rule) -> None:
    wrong = rule.wrong
    site = _start(start_fresh_site, wrong)
    done = _type(site, wrong)
    _is_caught(site, wrong, done)
    assert _broken(site) == (set(wrong.breaks) if rule.harmed else set())

    done = _type(site, wrong, rule.without)
    assert wrong.gate not in _codes(site), "another gate found the same"
    _is_judged(site, wrong, done)


def test_the_referee_catches_what_no_gate_sees(start_fresh_site: StartSite) -> None:
    wrong = BY_FORCE
    site = _start(start_fresh_site, wrong)
    done = _type(site, wrong)
    _is_judged(site, wrong, done)
