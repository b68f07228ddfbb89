"""The explorer, as it is typed: in a process of its own, all of which gevent changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_HANGS = 900  # seconds


def typed(*words: str) -> subprocess.CompletedProcess[str]:
    """What comes of `python -m testbed.exploration WORDS`."""
    return subprocess.run(
        [sys.executable, "-m", "testbed.exploration", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=_HANGS,
    )


def explored(*words: str) -> str:
    """What it prints; it has to end well."""
    done = typed(*words)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
