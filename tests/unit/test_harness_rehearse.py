"""What a rehearsal makes of a deploy."""

from pathlib import Path
from typing import Any

import pytest

from testbed.rehearse import Contents, find_complaints, summary

BEFORE = Contents({"tank": {"uuid": "u1", "targets_disabled": 0}}, {"tank": "d1"})
UPDATED: dict[str, Any] = {"outcome": "updated", "from_version": "2.0.1", "to_version": "2.0.3"}


def not_asked() -> Contents:
    raise AssertionError("a system that may be down was asked")


def test_nothing_to_complain_about() -> None:
    assert find_complaints(0, UPDATED, BEFORE, lambda: BEFORE) == []


@pytest.mark.parametrize(
    ("exit_code", "report", "words"),
    [
        (1, UPDATED, "exited with 1"),
        (0, {}, "None, not 'updated'"),
        (0, {"outcome": "nothing to do"}, "'nothing to do', not 'updated'"),
        (
            1,
            {
                "outcome": "refused",
                "refusals": [{"code": "no-admin", "hosts": [], "message": "name an admin"}],
            },
            "it refused: name an admin",
        ),
    ],
)
def test_a_deploy_that_went_wrong(exit_code: int, report: dict[str, Any], words: str) -> None:
    assert words in " / ".join(find_complaints(exit_code, report, BEFORE, not_asked))


def test_other_data_is_no_success() -> None:
    after = Contents(BEFORE.pools, {"tank": "d2"})
    assert "data is not the same" in find_complaints(0, UPDATED, BEFORE, lambda: after)[0]


def test_a_degraded_pool_is_no_success() -> None:
    after = Contents({"tank": {"uuid": "u1", "targets_disabled": 8}}, BEFORE.digests)
    assert "pools are not the same" in find_complaints(0, UPDATED, BEFORE, lambda: after)[0]


def test_the_summary_names_versions_and_window() -> None:
    report = UPDATED | {"offline_window_s": 6.24}
    assert summary(report, Path("runs/x")) == ["DAOS 2.0.1 -> 2.0.3, offline for 6.2 s"]
    report = UPDATED | {"offline_window_s": None}
    assert summary(report, Path("runs/x"))[0].endswith("nothing was stopped")
