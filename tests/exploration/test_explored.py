"""The part of the exploration that runs with the tests: the same cases each time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .explorer import explored

FOUND = sorted((Path(__file__).parent / "found").glob("*.json"))


@pytest.mark.parametrize("case", FOUND, ids=lambda path: path.stem)
def test_what_was_found_stays_mended(case: Path) -> None:
    assert "all is well" in explored("--replay", str(case))


@pytest.mark.parametrize("share", range(2))
def test_updates_of_four_nodes_that_go_wrong_come_to_a_good_end(share: int) -> None:
    told = explored("--cases", "80", "--seed", f"1{share}", "--nodes", "2,1,1", "--jobs", "1")
    assert "80 cases" in told
    # Faults that come after the end of a run are no faults.
    assert int(re.findall(r"(\d+) faults", told)[0]) > 60


@pytest.mark.parametrize("share", range(2))
def test_updates_of_any_cluster_that_go_wrong_come_to_a_good_end(share: int) -> None:
    assert "40 cases" in explored("--cases", "40", "--seed", f"2{share}", "--jobs", "1")


@pytest.mark.parametrize("share", range(2))
def test_single_faults_all_over_an_update_and_a_way_back_come_to_a_good_end(share: int) -> None:
    told = explored("--every", "--sample", "40", "--seed", str(share), "--jobs", "1")
    counted = re.findall(r": (\d+) faults, (\d+) of which can differ", told)
    assert len(counted) == 2
    assert all(int(different) > 1000 for _, different in counted)
