"""Looking for what is wrong in a copy of the deploy code, by exploration."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")
ROOT = Path(__file__).parents[2]
MOST = 400  # cases within which each is found
_COPIED = ("deploy.py", "deploys", "config.py", "operations", "group_data")
_TOLD = re.compile(
    r"^(\d+) cases, .*; after (\d+) cases one failed:\n((?:    .*\n)+)  on .* with\n"
    r"((?:    .*\n)+)  make explore REPLAY='(.*)'",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Found:
    """How it was found.

    + after: after how many cases
    + cases: how many were played until the first one was made small
    + faults: how many faults the smallest case has
    + problems: what is wrong with that, in words
    + case: its text
    """

    after: int
    cases: int
    faults: int
    problems: tuple[str, ...]
    case: str


class Broken(Exception):
    """The exploration itself has failed."""


def copied(folder: Path) -> None:
    """Have a copy of the deploy code in a folder."""
    for name in _COPIED:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, folder / name)


def found(project: Path, *words: str, seed: int = 1, most: int = MOST) -> Found | None:
    """How the exploration finds what is wrong with a procedure; None where it does not.

    + words: further words of the exploration
    Raises Broken.
    """
    fixed = ("--cases", str(most), "--seed", str(seed), "--nodes", "2,1,1", "--jobs", "1")
    done = subprocess.run(
        [sys.executable, "-m", "testbed.exploration", *fixed, *words, "--project", str(project)],
        cwd=project,  # where no exploration has kept anything
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    told = _TOLD.search(done.stdout)
    if told:
        cases, after, problems, faults, case = told.groups()
        lines = tuple(line.strip() for line in problems.splitlines())
        return Found(int(after), int(cases), len(faults.splitlines()), lines, case)
    if done.returncode:
        raise Broken(f"{done.stdout}\n{done.stderr}")
    return None


def each(
    things: Sequence[Thing], look: Callable[[Thing], Result]
) -> Iterator[tuple[Thing, Result]]:
    """Look for each of several things, as many at a time as there are processors."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from zip(things, pool.map(look, things), strict=True)
