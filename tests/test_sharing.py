"""How tests are shared out: what shares a lab stays together, and the longest begin first."""

from __future__ import annotations

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
