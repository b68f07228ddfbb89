"""What it costs to type the command again on a system that is updated, and to ask for the plan."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from testbed.lab.harness import Lab
from testbed.rehearsal.session import lab_of_its_own

from .procedure import BEFORE, FLAVOUR
from .ways import pyinfra

_ROUNDS = 3


def measured(inventory: str) -> dict[str, float]:
    """Seconds of the whole command, by what was typed; of the last two the medians."""
    with lab_of_its_own("bench", Path(inventory), BEFORE, FLAVOUR) as lab:
        first = _seconds(lab, "-y")
        again = [(_seconds(lab, "-y"), _seconds(lab, "--dry")) for _ in range(_ROUNDS)]
    second, plan = (statistics.median(it) for it in zip(*again, strict=True))
    return {"the update": first, "typed again": second, "--dry": plan}


def _seconds(lab: Lab, *words: str) -> float:
    began = time.monotonic()
    pyinfra(lab, *words)
    return time.monotonic() - began
