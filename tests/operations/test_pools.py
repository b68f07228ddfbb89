"""The step that sees the pools again: what it waits for, and what only people bring back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from operations import pools
from operations.daos.dmg import Pool

WHOLE = Pool("8a13", "tank", 16, 0, "")
DEGRADED = Pool("8a13", "tank", 16, 8, "")
SILENT = Pool("8a13", "tank", 0, 0, "DER_TIMEDOUT(-1011)")


def _run(*found: Pool) -> Any:
    """A run that has asked dmg for the pools."""
    return SimpleNamespace(
        dmg=SimpleNamespace(listed=SimpleNamespace(last=list(found))),
        settings=SimpleNamespace(may_be_missing=()),
    )


def test_disabled_targets_are_not_waited_for_since_only_people_reintegrate_them() -> None:
    assert pools.waits_for_somebody(_run(WHOLE, DEGRADED))
    assert not pools.waits_for_somebody(_run(WHOLE, SILENT))
    assert not pools.waits_for_somebody(_run())
