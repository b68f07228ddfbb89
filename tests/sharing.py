"""What tests need, and how they are shared out among the processes that run them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LAB_FIXTURES = {"start_site", "start_fresh_site", "succession"}
SHARING = {"start_site", "succession"}  # tests of a module that ask for these share labs
_WORKERS = 2  # for each core: a test on a lab waits for half of its time

# Modules with most to do on one lab, the longest first: what begins last is what all wait for.
LONGEST = (
    "lab/migration/test_rollback.py",
    "lab/migration/test_formats.py",
    "lab/migration/test_backup.py",
    "lab/migration/test_1_0.py",
    "lab/conformance/test_conformance.py",
    "lab/trouble/test_rollback.py",
    "lab/trouble/test_interruptions.py",
    "lab/lifecycle/test_punishments.py",
    "lab/refusals/test_refusals.py",
    "lab/refusals/test_checks.py",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """How many processes `-n auto` is."""
    return _WORKERS * len(os.sched_getaffinity(0))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs a lab or a browser, and what goes to one process since it shares a lab."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        module = item.path.relative_to(HERE).as_posix()
        if module.startswith("lab/") or fixtures & LAB_FIXTURES:
            item.add_marker("lab")
        if module.startswith("browser/"):
            item.add_marker("browser")
        if fixtures & SHARING:
            item.add_marker(pytest.mark.xdist_group(module))
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: turn(item.path.relative_to(HERE).as_posix(), _marks(item)))


def _marks(item: pytest.Item) -> set[str]:
    return {mark.name for mark in item.iter_markers()}


def turn(module: str, marks: set[str]) -> int:
    """When a test begins: the longest first; what needs no lab is short, and fills the gaps."""
    if "lab" in marks:
        return LONGEST.index(module) if module in LONGEST else len(LONGEST)
    return len(LONGEST) + (1 if "browser" in marks else 2)
