"""The explorer, as it is typed: in a process of its own, all of which gevent changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def explored(*words: str, seconds: float = 900) -> str:
    """What `python -m testbed.exploration WORDS` prints; it has to end well.

    + seconds: after which it hangs
    """
    done = subprocess.run(
        [sys.executable, "-m", "testbed.exploration", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
