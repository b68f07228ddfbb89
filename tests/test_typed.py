"""A command that is forked is one like any other: what it is given, what it prints, how it ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from .lab.typed import Typed

SAYS = """
import os, sys
print(sys.argv, os.getcwd(), os.environ["WORD"], input(), flush=True)
{then}
inventory = []
"""


def type_it(folder: Path, then: str) -> Typed:
    """pyinfra with an inventory that says how it was called, and does something."""
    (folder / "inventory.py").write_text(SAYS.format(then=then))
    (folder / "deploy.py").touch()
    environment = {"PATH": os.environ["PATH"], "WORD": folder.name}
    return Typed(["inventory.py", "deploy.py"], folder, environment, "Enter\n")


def test_each_has_its_own_words_folder_environment_and_input(tmp_path: Path) -> None:
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        command = type_it(folder, "sys.exit(7)")
        said = command.read(timeout=60)
        assert f"{command.args} {folder} {name} Enter" in said
        assert command.wait() == 7


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 0)])
def test_a_signal_reaches_it(tmp_path: Path, number: int, code: int) -> None:
    command = type_it(tmp_path, "import time; time.sleep(60)")
    assert any("Enter" in line for line in command.stdout)
    command.send_signal(number)
    assert ("Exiting upon user request" in command.stdout.read()) == (number == signal.SIGINT)
    assert command.wait() == code
    command.kill()  # of one that has ended does nothing


def test_one_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    command = type_it(tmp_path, "import time; time.sleep(60)")
    command.read(timeout=0.1)
    assert command.wait() == -signal.SIGKILL
