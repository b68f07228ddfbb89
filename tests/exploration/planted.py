"""What is wrong on purpose: `python -m tests.exploration.planted` has all of it found.

Bugs are small edits of a copy of the deploy code, some of them mends of docs/found.md that are
taken back; the wrong procedures are those of tests/wrong. That the exploration finds them, and
makes the cases small, says what it is worth. `make test` has some of them found; all take minutes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.exploration.cases import Case, simple
from testbed.simulation.faults import Planted

from .looking import Found, copied, each, found
from .wrong import SOUGHT, Sought


@dataclass(frozen=True)
class Bug:
    """A bug.

    + name: what is wrong with it
    + where: in which part of the deploy code: "resumption", "rollback", "gate", "step"
    + file: that is edited
    + edits: what stands there, and what stands there then
    """

    name: str
    where: str
    file: str
    edits: tuple[tuple[str, str], ...]

    def planted(self, folder: Path) -> None:
        """Have a copy of the deploy code with it in a folder."""
        copied(folder)
        file = folder / self.file
        text = file.read_text("utf-8")
        for old, new in self.edits:
            assert old in text, f"{self.file} has no {old!r} any more"
            text = text.replace(old, new, 1)
        file.write_text(text, "utf-8")

    def found(self, *words: str) -> Found | None:
        """How the exploration finds it; None where it does not.

        + words: further words of the exploration
        """
        with tempfile.TemporaryDirectory() as folder:
            self.planted(Path(folder))
            return found(Path(folder), *words)


BUGS = (
    Bug(
        "what was remembered is remembered anew by each run",
        "resumption",
        "operations/boot.py",
        (
            (
                "    if node.record:\n        return replace(node.record, ranks",
                "    if False:\n        return replace(node.record, ranks",
            ),
            ("    if _remembers(current, here.name, node):\n", "    if True:\n"),
            (
                "    return bool(node.enabled) or _remembers(current, name, node)",
                "    return True or _remembers(current, name, node)",
            ),
        ),
    ),
    Bug(
        "half a transaction is taken for a whole one",
        "resumption",
        "operations/daos/node.py",
        (
            (
                "        return releases.pop() if len(releases) == 1 else None",
                "        return max(releases, default=None)",
            ),
        ),
    ),
    Bug(
        "what ran before is forgotten by a run that goes on",
        "resumption",
        "operations/rules/start.py",
        (
            (
                "node.runs(unit) or (node.record and unit in node.record.running))",
                "node.runs(unit))",
            ),
        ),
    ),
    Bug(
        "no message names the daos_server that does not run (before 72d3dd8)",
        "resumption",
        "operations/rules/gates.py",
        (('    return f"{do}same command again" if down else ""', '    return ""'),),
    ),
    Bug(
        "an excluded rank is only to be reintegrated, while its engine runs on (before 20a92ff)",
        "gate",
        "operations/rules/members.py",
        (("its targets have left the pools: {_ANEW}, then reint", "its targets have left: reint"),),
    ),
    Bug(
        "the way back does not ask whether an engine was started",
        "rollback",
        "operations/rules/gates.py",
        (
            (
                "    begun = view.where(lambda node: before and _has_begun",
                "    return []\n    begun = view.where(lambda node: before and _has_begun",
            ),
        ),
    ),
    Bug(
        "nothing is kept from starting at boot",
        "step",
        "operations/boot.py",
        (('_told("disable", current', '_told("enable", current'),),
    ),
    Bug(
        "what was enabled is not enabled again",
        "step",
        "operations/boot.py",
        (("disabled = [it for it in node.record.enabled if", "disabled = [it for it in () if"),),
    ),
    Bug(
        "agents are started though ranks have not joined",
        "gate",
        "operations/rules/gates.py",
        (
            (
                '    found = not_in_state(others, "joined", do + to_start(view))',
                "    found: list[Finding] = []",
            ),
        ),
    ),
    Bug(
        "an excluded rank counts as one that has joined",
        "gate",
        "operations/rules/members.py",
        (
            (
                "return [m for m in members if not (m.rank in accepted and",
                'return [m for m in members if not (m.state == "excluded" and',
            ),
        ),
    ),
)


# Two faults have to come in one and the same step, which is seldom drawn: not within 400 cases.
SELDOM = Bug(
    "engines that an earlier run has begun to stop are taken for lost",
    "resumption",
    "operations/machinery/judgements.py",
    (
        (
            "return _stopped(current, current.dmg.query_or_none()) and bool(view.records)",
            "return False",
        ),
    ),
)
SELDOM_CASE = Case(
    simple(2, 1, 1),
    faults=(
        Planted(0, 0, "before", "engine stops slowly", "daos-server-02", "dmg -j system stop"),
        Planted(0, 0, "middle", "SIGKILL", of="dmg -j system stop"),
    ),
    pause=1.0,
)


def bugs() -> Iterator[bool]:
    """Print a table of the bugs; whether each is found."""
    print("| planted | where | found after, cases | made small in | faults | as |")
    print("| --- | --- | --- | --- | --- | --- |")
    for bug, it in each(BUGS, Bug.found):
        how = f"{it.after} | {it.cases - it.after} | {it.faults} | {it.problems[0]}" if it else ""
        print(f"| {bug.name} | {bug.where} | {how or 'not found | | |'} |", flush=True)
        yield bool(it)


def procedures() -> Iterator[bool]:
    """Print a table of the wrong procedures; whether each is found that has to be."""
    print("| wrong procedure | broken rule, or gate | found after, cases | as |")
    print("| --- | --- | --- | --- |")
    for sought, it in each(SOUGHT, Sought.found):
        print(sought.told(it), flush=True)
        yield bool(it) or not sought.rule


_TABLES = {"bugs": bugs, "procedures": procedures}


def main(what: Sequence[str]) -> int:
    """Print a table of each, or of those that are named; returns 1 where one is not found."""
    return int(False in {found for name in what or _TABLES for found in _TABLES[name]()})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
