"""What was typed and can be no run: a finding that says what to type, and an exit code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..fake_cluster import ROOT

PYINFRA = [sys.executable, str(ROOT / "installed/daos_pyinfra.py")]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of the procedure."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in ("config.py", "operations", "deploy.py", "deploys", "inventory"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "group_data", folder / "group_data")
    return folder


def pyinfra(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What comes of it, typed in a folder, whose own operations/ it reads."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [*PYINFRA, *words],
        cwd=folder,
        env=own,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def typed(folder: Path, *words: str) -> str:
    """What it says, which is wrong and on stderr; nothing was made there."""
    before = set(folder.iterdir())
    done = pyinfra(folder, *words)
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert set(folder.iterdir()) == before
    return done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("inventroy", "deploy.py", "-y"),
            "[no-inventory]: there is no inventory inventroy: did you mean inventory?",
        ),
        (
            ("inventory", "deploys/migrate.py", "stage=check"),
            "[no-procedure]: stage=check is no procedure, but a setting: type --data stage=check",
        ),
        (
            ("inventory", "deploys/rolback.py"),
            "[no-procedure]: there is no procedure deploys/rolback.py: did you mean "
            "deploys/rollback.py?",
        ),
        (
            ("inventory", "x.py"),
            "[no-procedure]: there is no procedure x.py: there are deploy.py, deploys/migrate.py, "
            "deploys/rollback.py",
        ),
        (
            ("nodes", "deploy.py"),
            "[no-inventory]: there is no inventory nodes: type inventory, or the name of your own "
            "file of nodes",
        ),
    ],
)
def test_a_slip_is_named_with_what_to_type(home: Path, words: tuple[str, ...], said: str) -> None:
    assert typed(home, *words) == f"--> Refused: {said}\n"


@pytest.mark.parametrize("absolute", [True, False])
def test_in_another_folder_it_says_which_is_the_right_one(home: Path, absolute: bool) -> None:
    elsewhere = home.parent / "elsewhere"
    elsewhere.mkdir()
    deploy = str(home / "deploy.py") if absolute else "deploy.py"
    said = typed(elsewhere, "inventory", deploy, "-y")
    assert said.startswith(f"--> Refused: [wrong-folder]: {elsewhere} is not the folder")
    assert f"`cd {home if absolute else ROOT}`" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("target_release = 2.0.3\n", "line 1: invalid syntax: target_release = 2.0.3"),
        ("x = 1\n(\n", "line 2: '(' was never closed: ("),
        ("a = b\n", "line 1: NameError: name 'b' is not defined"),
    ],
)
@pytest.mark.parametrize("name", ["group_data/all.py", "inventory"])
def test_a_file_of_the_site_that_is_wrong_is_named_with_its_line(
    home: Path, name: str, text: str, said: str
) -> None:
    (home / name).unlink()
    (home / name).write_text(text)
    output = typed(home, "inventory", "deploy.py", "-y")
    assert f"--> Refused: [bad-file]: {name}, {said}" in output
    assert "then type the same command again" in output
    assert "bug report" not in output


def test_a_fault_of_the_tool_itself_is_told_with_where_it_is(home: Path) -> None:
    (home / "operations").unlink()
    shutil.copytree(ROOT / "operations", home / "operations")
    path = home / "operations/checks/data.py"
    path.write_text(path.read_text() + "\n\ndef findings(*given): return 1 / 0\n")
    done = pyinfra(home, "inventory", "deploy.py", "-y")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "This is a fault of the tool itself" in done.stderr


def test_what_is_no_procedure_of_ours_goes_to_pyinfra_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("print('other')\n")
    done = pyinfra(tmp_path, "@local", "other.py", "-y")
    assert done.returncode == 0, done.stderr
    assert "other" in done.stdout
