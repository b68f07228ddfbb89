"""The part of the exploration that runs with the tests: the same cases each time."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from .explorer import ROOT, explored, typed
from .mends import MENDS

FOUND = sorted((Path(__file__).parent / "found").glob("*.json"))


@pytest.mark.parametrize("case", FOUND, ids=lambda path: path.stem)
def test_what_was_found_stays_mended(case: Path) -> None:
    assert "all is well" in explored("--replay", str(case))


@pytest.mark.parametrize("case", [it for it in FOUND if it.stem in MENDS], ids=lambda it: it.stem)
def test_without_its_mend_it_is_found_again(case: Path, tmp_path: Path) -> None:
    MENDS[case.stem].planted(tmp_path)
    assert typed("--replay", str(case), "--project", str(tmp_path)).returncode == 1


@pytest.mark.parametrize("share", range(2))
def test_updates_of_four_nodes_that_go_wrong_come_to_a_good_end(share: int) -> None:
    told = explored("--cases", "40", "--seed", f"1{share}", "--nodes", "2,1,1", "--jobs", "1")
    assert "40 cases" in told
    # Faults that come after the end of a run are no faults.
    assert int(re.findall(r"(\d+) faults", told)[0]) > 30


@pytest.mark.parametrize("share", range(2))
def test_updates_of_any_cluster_that_go_wrong_come_to_a_good_end(share: int) -> None:
    assert "20 cases" in explored("--cases", "20", "--seed", f"2{share}", "--jobs", "1")


@pytest.mark.parametrize("series", ["2.4", "2.6"])
def test_so_do_updates_of_later_series(series: str) -> None:
    told = explored("--cases", "20", "--seed", "3", "--series", series, "--jobs", "1")
    assert "20 cases" in told


def test_every_single_fault_of_an_update_and_a_way_back_comes_to_a_good_end() -> None:
    told = explored("--every")
    counted = re.findall(r": (\d+) faults, (\d+) of which can differ", told)
    assert len(counted) == 2
    assert all(int(different) > 1000 for _, different in counted)
    played = sum(int(count) for count in re.findall(r"(\d+) played", told))
    assert played == sum(int(different) for _, different in counted)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--nodes", "2,1"), "'2,1' is not one number each for servers, admins, clients"),
        (("--cases", "0"), "'0' is no number from 1 on"),
        (("--replay", "nowhere.json"), "this is neither a case nor a file of one"),
        (("--replay", "{}"), "this is no case"),
    ],
)
def test_what_cannot_be_explored_is_refused_in_words(words: tuple[str, ...], said: str) -> None:
    done = typed(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_case_that_the_simulation_cannot_play_fails_and_is_told(tmp_path: Path) -> None:
    """As where the deploy code has a command that nobody has taught it."""
    for name in ("deploy.py", "deploys", "config.py", "group_data"):
        (tmp_path / name).symlink_to(ROOT / name)
    operations = shutil.copytree(ROOT / "operations", tmp_path / "operations")
    window_file = operations / "daos/window_file.py"
    text = window_file.read_text("utf-8")
    window_file.write_text(text.replace('f"mkdir -p {FOLDER} && rm', 'f"install -d {FOLDER} && rm'))
    done = typed("--replay", str(FOUND[0]), "--project", str(tmp_path))
    assert done.returncode == 1, done.stderr
    assert "the simulation does not know `install -d" in done.stdout
