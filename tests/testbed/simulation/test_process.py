"""The process of a run: it hands the cluster back, or ends; it never goes on as its parent does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
_INTERRUPTED = """\
from pathlib import Path
from testbed.simulation import build, process

def run(*_):
    raise KeyboardInterrupt  # as a signal comes while it hands back what it has

process._run = run
try:
    process.pyinfra(build.simple(), Path(), "deploy.py")
except process.Broken:
    print("told")
except KeyboardInterrupt:
    print("a second one of the explorer")
"""


_PLAYED = """\
from pathlib import Path
from testbed.exploration.cases import Case, simple
from testbed.exploration.play import Site, play

[run] = play(Case(simple()), Site(Path.cwd())).runs
for sent in run.told[1]:
    print(sent.at, sent.node, len(sent.line))
"""


def _sent(hashing: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hashing}
    return subprocess.run(
        [sys.executable, "-c", _PLAYED],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_an_update_is_played_in_the_same_order_in_each_process() -> None:
    """A fault is told by the number of a command."""
    first, second = _sent("1"), _sent("2")
    assert first.count("\n") > 60
    assert first == second


def test_a_copy_that_is_interrupted_wherever_it_is_ends() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "told\n", done.stdout + done.stderr
