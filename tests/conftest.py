"""What all tests have."""

from __future__ import annotations

import os
from pathlib import Path

import pyinfra
import pytest
from hypothesis import HealthCheck, settings

from operations.machinery import commandline, shortcuts

pytest_plugins = ["tests.sharing", "tests.lab.labs"]
pytest.register_assert_rewrite("tests.lab.site", "tests.lab.usage", "tests.lab.waiting")

# Where Python may not keep what it has compiled, each command would compile the procedure anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How fast an example is says nothing where several processes share the cores.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

shortcuts.take()  # as config.py does


@pytest.fixture
def as_the_command_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What pyinfra's command does before it reads a procedure, and config.py; in a folder alone.

    The command orders operations by line numbers, the API alone does not.
    """
    monkeypatch.setattr(pyinfra, "is_cli", True)
    monkeypatch.chdir(tmp_path)
    commandline.remember()
