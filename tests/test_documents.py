"""The documents say what the data says that parts of them are made of."""

from __future__ import annotations

import pytest

from .documents import DOCUMENTS, ROOT, stale
from .found_document import bugs, collected, history

_PYTEST, _EXPLORE = ".venv/bin/pytest", ("make", "explore")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_is_up_to_date(document: str) -> None:
    assert document not in [*stale()], f"{document} is stale: type `make docs`"


def test_each_bug_that_was_found_is_replayed_by_a_test_or_a_case_that_is_there() -> None:
    tests: set[str] = set()
    for bug in bugs():
        if bug.command[0] == _PYTEST:
            tests.update(bug.command[1:])
        else:
            assert bug.command[:2] == _EXPLORE, bug
            case = bug.command[2].removeprefix("REPLAY=")
            assert case.startswith("{") or (ROOT / case).is_file(), bug
    assert tests
    assert not collected(tests)


def test_each_bug_that_was_found_was_mended_by_a_commit_that_led_here() -> None:
    """Where there is no history to look at, as in a shallow clone, what is written is believed."""
    commits = history()
    for bug in bugs():
        assert len(bug.fixed) >= 7, bug
        assert commits is None or any(it.startswith(bug.fixed) for it in commits), bug
