"""What a rehearsal makes of a deploy."""

from pathlib import Path
from typing import Any

import pytest

from testbed.referee import Verdict
from testbed.rehearsal.update import find_complaints, summary

UPDATED: dict[str, Any] = {"outcome": "updated", "from_version": "2.0.1", "to_version": "2.0.3"}
KEPT = Verdict("R4", "quiet", "kept", ("32 package changes, nothing ran",))
IDLE = Verdict("R9", "resume", "not exercised", ("no command went on",))
BROKEN = Verdict("R7", "data", "broken", ("the data of the pool tank is not the same",))


def test_nothing_to_complain_about() -> None:
    assert find_complaints(0, UPDATED, [KEPT, IDLE]) == []


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
    assert words in " / ".join(find_complaints(exit_code, report, [KEPT]))


def test_a_broken_rule_is_no_success() -> None:
    [complaint] = find_complaints(0, UPDATED, [KEPT, BROKEN, IDLE])
    assert complaint == "R7 is broken: the data of the pool tank is not the same"


def test_the_summary_names_versions_and_window() -> None:
    report = UPDATED | {"offline_window_s": 6.24}
    assert summary(report, Path("runs/x")) == ["DAOS 2.0.1 -> 2.0.3, offline for 6.2 s"]
    report = UPDATED | {"offline_window_s": None}
    assert summary(report, Path("runs/x"))[0].endswith("nothing was stopped")
