"""The process of a run: it hands the cluster back, or ends; it never goes on as its parent does."""

from __future__ import annotations

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


def test_a_copy_that_is_interrupted_wherever_it_is_ends() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "told\n", done.stdout + done.stderr
