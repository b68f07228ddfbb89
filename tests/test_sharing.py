"""How tests are shared out: what shares a lab stays together, and the longest begin first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .sharing import HERE, LONGEST, turn


@pytest.mark.parametrize("module", LONGEST)
def test_what_begins_first_is_there(module: str) -> None:
    assert (HERE / module).is_file()


def test_labs_begin_before_the_browser_and_all_else_fills_the_gaps() -> None:
    named = [turn(module, {"lab"}) for module in LONGEST]
    others = [turn("lab/x.py", {"lab"}), turn("browser/x.py", {"browser"}), turn("x.py", set())]
    assert [*named, *others] == sorted({*named, *others})


def test_this_test_needs_no_lab(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("lab") is None
    assert request.node.get_closest_marker("xdist_group") is None


IN_A_GROUP = """
import os, pathlib, pytest

@pytest.mark.xdist_group("a lab")
@pytest.mark.parametrize("number", range(8))
def test_in_a_group(number):
    worker = os.environ["PYTEST_XDIST_WORKER"]
    (pathlib.Path(__file__).parent / worker).touch()
"""


def test_a_group_goes_to_one_process(tmp_path: Path) -> None:
    """pytest-xdist 3.8 writes the group where pytest 9.2 does not look for it any more."""
    (tmp_path / "test_group.py").write_text(IN_A_GROUP)
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", str(tmp_path)]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert len(list(tmp_path.glob("gw*"))) == 1
