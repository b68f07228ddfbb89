"""Some of what is wrong on purpose is found: what takes the fewest cases of all."""

from __future__ import annotations

from pathlib import Path

import pytest

from .explorer import typed
from .planted import BUGS, SELDOM, SELDOM_CASE, Bug
from .wrong import SOUGHT, Sought

# One broken by each run, one by a second run, one where something is so before it, two while nodes
# or units are as few are, and one that is typed with further words.
_PROCEDURES = (
    "reformatted, without its gate",
    "nothing-to-update, without its gate",
    "agent-by-hand, without its gate",
    "enabled-since-it-ran",
    "serial",
)
_BUGS = ("nothing is kept from starting at boot", "what was enabled is not enabled again")


def _chosen() -> list[Sought]:
    found = {sought.name: sought for sought in SOUGHT}
    return [found[name] for name in _PROCEDURES]


@pytest.mark.parametrize("sought", _chosen(), ids=lambda it: it.name)
def test_a_wrong_procedure_is_found(sought: Sought) -> None:
    """By the rule that it breaks; or, where its gate stands, since it comes to no end."""
    it = sought.found()
    assert it, f"not within {sought.most} cases"
    assert sought.rule or it.problems[0].startswith("no end after 8 runs, the last one: ")


@pytest.mark.parametrize("bug", [bug for bug in BUGS if bug.name in _BUGS], ids=lambda it: it.name)
def test_a_bug_is_found(bug: Bug) -> None:
    assert bug.found("--first")


def test_a_bug_that_is_seldom_drawn_is_seen_in_its_case(tmp_path: Path) -> None:
    SELDOM.planted(tmp_path)
    done = typed("--replay", SELDOM_CASE.text(), "--project", str(tmp_path))
    assert done.returncode == 1, done.stderr
    assert "no end after 8 runs, the last one: pool-unknown" in done.stdout
    assert typed("--replay", SELDOM_CASE.text()).returncode == 0
