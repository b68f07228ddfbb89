"""Wrong procedures: each is caught, by a gate before it does harm, or at least by the referee.

For each of the rules R1 to R12 there is one that a gate catches, and that breaks just this rule as
soon as the gate is taken out. docs/rules.md has them as tables.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from .mutated import ROOT
from .mutations import ADMIN_LEFT, GATED, REFEREED, RULES, Rule, Wrong

pytestmark = pytest.mark.xdist_group("wrong")  # all of them are typed once

Came = dict[str, Any]


@pytest.fixture(scope="module")
def came() -> dict[str, list[Came]]:
    """What came of each procedure, by its name."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.wrong.simulated"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},  # the same order of nodes each time
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def _is_caught(wrong: Wrong, it: Came) -> None:
    """The procedure ended at a gate."""
    assert it["exit"] not in (0, 130), it["output"]
    assert {wrong.gate, wrong.otherwise} & set(it["codes"]), f"{wrong.name}: {it['output']}"


def _is_judged(wrong: Wrong, it: Came) -> None:
    """The referee says that the procedure breaks just the rules that it is expected to break."""
    broken = set(it["broken"])
    assert wrong.breaks <= broken <= wrong.breaks | wrong.perhaps, it["output"]


@pytest.mark.parametrize("rule", RULES, ids=[f"{rule.rule}-{rule.wrong.name}" for rule in RULES])
def test_a_gate_keeps_the_rule(came: dict[str, list[Came]], rule: Rule) -> None:
    wrong = rule.wrong
    kept, without = came[wrong.name]
    _is_caught(wrong, kept)
    assert set(kept["broken"]) == (set(wrong.breaks) if rule.harmed else set())
    assert wrong.gate not in without["codes"], "another gate found the same"
    _is_judged(wrong, without)


@pytest.mark.parametrize("wrong", (*GATED, ADMIN_LEFT), ids=lambda wrong: wrong.name)
def test_a_gate_catches(came: dict[str, list[Came]], wrong: Wrong) -> None:
    """On one system, one after the other: each goes on from where the one before was refused."""
    [it] = came[wrong.name]
    _is_caught(wrong, it)
    assert it["broken"] == []


def test_the_right_one_goes_on_from_where_they_were_refused(came: dict[str, list[Came]]) -> None:
    [it] = came["the right one"]
    assert it["exit"] == 0, it["output"]
    assert it["outcome"] == "updated"
    assert it["broken"] == []


@pytest.mark.parametrize("wrong", REFEREED, ids=[wrong.name for wrong in REFEREED])
def test_the_referee_catches(came: dict[str, list[Came]], wrong: Wrong) -> None:
    [it] = came[wrong.name]
    _is_judged(wrong, it)
