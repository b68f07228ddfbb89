"""The remote tool runs on what clients have: Python 3.6 and nothing else."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from operations.migration import remote
from operations.migration.copying import bundle

from .trees import tool

FILES = sorted(Path(remote.__file__).parent.glob("*.py"))
OLDEST = shutil.which("python3.6")  # may be a stub, that of pyenv
HAS_OLDEST = OLDEST and subprocess.run([OLDEST, "-V"], capture_output=True).returncode == 0
PYTHONS = [sys.executable, *([OLDEST] if OLDEST and HAS_OLDEST else [])]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_python_3_6_understands_it_and_has_what_it_imports(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 6))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {name.name.split(".")[0] for name in node.names} <= sys.stdlib_module_names
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module != "__future__"
            assert (node.module or "").split(".")[0] in sys.stdlib_module_names
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 1, "it has to stand alone"


def test_the_bundle_is_the_same_bytes_each_time() -> None:
    assert bundle.pack() == bundle.pack()


@pytest.mark.parametrize("python", PYTHONS)
def test_the_bundle_runs(tmp_path: Path, python: str) -> None:
    packed, data = tmp_path / "migrate.pyz", tmp_path / "data"
    packed.write_bytes(bundle.pack())
    data.mkdir()
    (data / "a").write_text("abc")
    ran = subprocess.run(
        [python, packed, "survey", data], stdout=subprocess.PIPE, cwd="/", env={"LC_ALL": "C"}
    )
    wanted = {"files": 1, "folders": 0, "links": 0, "others": 0, "bytes": 3}
    assert (ran.returncode, json.loads(ran.stdout)) == (0, wanted)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "COMMAND"),
        (["erase", "/"], "erase"),
        (["survey", "data"], "absolute"),
        (["survey", "/nowhere"], "/nowhere: No such file"),
        (["verify", "/"], "--manifest"),
        (["job", "start", "/nowhere"], "-- COMMAND"),
        (["job", "start", "/nowhere", "--", "job", "poll", "/nowhere"], "job"),
        (["survey", "/", "--mounted", "/etc/passwd"], "nothing is mounted"),
    ],
)
def test_a_wrong_command_line_is_refused_with_the_reason(words: list[str], said: str) -> None:
    code, answer = tool(*words)
    assert code == 2
    assert said in answer["error"]
