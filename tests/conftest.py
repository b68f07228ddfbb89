"""What tests need, and how they are shared out among the processes that run them."""

from __future__ import annotations

import os
from pathlib import Path

import pyinfra
import pytest
from hypothesis import HealthCheck, settings

from operations.machinery import commandline

pytest_plugins = ["tests.lab.labs"]
pytest.register_assert_rewrite("tests.lab.site", "tests.lab.usage", "tests.lab.waiting")

HERE = Path(__file__).parent
LAB_FIXTURES = {"start_site", "start_fresh_site", "succession"}
SHARING = {"start_site", "succession"}  # tests of a module that ask for these share labs
_WORKERS = 2  # for each core: a test on a lab waits for half of its time

# Modules with most to do on one lab, the longest first: what begins last is what all wait for.
LONGEST: tuple[str, ...] = ()

# How fast an example is says nothing where several processes share the cores.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """How many processes `-n auto` is."""
    return _WORKERS * len(os.sched_getaffinity(0))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs a lab or a browser, and what goes to one process since it shares a lab."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if HERE / "lab" in item.path.parents or fixtures & LAB_FIXTURES:
            item.add_marker("lab")
        if HERE / "browser" in item.path.parents:
            item.add_marker("browser")
        if fixtures & SHARING:
            item.add_marker(pytest.mark.xdist_group(_module(item)))
    if hasattr(config, "workerinput"):
        items.sort(key=_turn)


def _module(item: pytest.Item) -> str:
    return item.path.relative_to(HERE).as_posix()


def _turn(item: pytest.Item) -> int:
    """When it begins: the longest first; what needs no lab is short, and fills the gaps last."""
    if item.get_closest_marker("lab"):
        name = _module(item)
        return LONGEST.index(name) if name in LONGEST else len(LONGEST)
    return len(LONGEST) + (1 if item.get_closest_marker("browser") else 2)


@pytest.fixture
def as_the_command_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What pyinfra's command does before it reads a procedure, and config.py; in a folder alone.

    The command orders operations by line numbers, the API alone does not.
    """
    monkeypatch.setattr(pyinfra, "is_cli", True)
    monkeypatch.chdir(tmp_path)
    commandline.remember()
