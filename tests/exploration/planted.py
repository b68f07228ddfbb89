"""Bugs that are planted on purpose: `python -m tests.exploration.planted` has all of them found.

Each is a small edit of a copy of the deploy code. That the exploration finds it, and makes the case
small, says what the exploration is worth. `make test` has some of them found; all take minutes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_COPIED = ("deploy.py", "deploys", "config.py", "operations", "group_data")
MOST = 400  # cases within which each is found


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
        for name in _COPIED:
            path = ROOT / name
            if path.is_dir():
                shutil.copytree(path, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(path, folder / name)
        file = folder / self.file
        text = file.read_text("utf-8")
        for old, new in self.edits:
            assert old in text, f"{self.file} has no {old!r} any more"
            text = text.replace(old, new, 1)
        file.write_text(text, "utf-8")


@dataclass(frozen=True)
class Found:
    """How it was found.

    + cases: after how many cases
    + faults: how many faults the smallest case has
    + problem: what is wrong with that
    """

    cases: int
    faults: int
    problem: str


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
        "engines that an earlier run has begun to stop are taken for lost",
        "resumption",
        "operations/machinery/judgements.py",
        (
            (
                "return bool(view.records) and any(member.state in STOPPED",
                "return False and any(member.state in STOPPED",
            ),
        ),
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
        (
            (
                'yield shell(current, here, f"systemctl disable {current',
                'yield shell(current, here, f"systemctl enable {current',
            ),
        ),
    ),
    Bug(
        "what was enabled is not enabled again",
        "step",
        "operations/boot.py",
        (("    for unit in node.record.enabled if node.record else ():", "    for unit in ():"),),
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


def found(bug: Bug, seed: int = 1, jobs: int = 2) -> Found | None:
    """How the exploration finds it; None where it does not."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        bug.planted(project)
        words = ("--cases", str(MOST), "--seed", str(seed), "--nodes", "2,1,1", "--jobs", str(jobs))
        done = subprocess.run(
            [sys.executable, "-m", "testbed.exploration", *words, "--project", folder],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    told = re.findall(
        r"^(\d+) cases.*failed:\n    (.*)\n(?:.*\n)*?  on .* with\n((?:    .*\n)+)",
        done.stdout,
        re.MULTILINE,
    )
    if not told:
        return None
    cases, problem, faults = min(told, key=lambda it: len(it[2].splitlines()))
    return Found(int(cases), len(faults.splitlines()), problem)


def main() -> int:
    """Print a table of all; returns 1 where one is not found."""
    missed = 0
    print("| planted | where | found after, cases, with making it small | faults | as |")
    print("| --- | --- | --- | --- | --- |")
    for bug in BUGS:
        it = found(bug)
        missed += it is None
        how = f"{it.cases} | {it.faults} | {it.problem}" if it else "not found | |"
        print(f"| {bug.name} | {bug.where} | {how} |", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
