"""What docs/found.md says, bug by bug, and what its commands and commits are looked up in."""

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_COLUMNS = 4
_NO_BUG = ("| what was wrong |", "| --- |")


@dataclass(frozen=True)
class Bug:
    """One row.

    + promise: the rule, or what else a user may count on
    + command: what is typed to see it again, as words
    + fixed: the short hash of the commit that mends it
    """

    what: str
    promise: str
    command: tuple[str, ...]
    fixed: str


def bugs() -> list[Bug]:
    """All rows of the document, in its order."""
    lines = (ROOT / "docs/found.md").read_text("utf-8").splitlines()
    return [_bug(line) for line in lines if line.startswith("|") and not line.startswith(_NO_BUG)]


def _bug(line: str) -> Bug:
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    if len(cells) != _COLUMNS:
        raise ValueError(f"a row of docs/found.md has four columns: {line}")
    what, promise, command, fixed = cells
    return Bug(what, promise, tuple(shlex.split(command.strip("`"))), fixed)


def collected(tests: set[str]) -> str:
    """What pytest says of these tests where it does not find each of them, else nothing."""
    options = ["--collect-only", "--quiet", "-p", "no:cacheprovider", "-n", "0"]
    command = [sys.executable, "-m", "pytest", *options, *sorted(tests)]
    # What the pytest that runs this has been told is not for that one.
    around = {name: it for name, it in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        command, cwd=ROOT, env=around, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def history() -> list[str] | None:
    """The hashes of all commits that led here.

    None where nobody can tell: an unpacked archive has no history, and a shallow clone, as CI may
    have one, is without the older commits.
    """
    shallow = _git("rev-parse", "--is-shallow-repository")
    return _git("rev-list", "HEAD").split() if shallow == "false" else None


def _git(*words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
