"""What is wrong with a pool, and what only was."""

from __future__ import annotations

import json

import pytest

from operations.daos.dmg import Pool, queried
from operations.rules.pools import unhealthy


def _pool(disabled: int, status: int) -> Pool:
    rebuild = {"status": status, "state": "done", "objects": 0, "records": 0}
    response = {"status": 0, "total_nodes": 2, "disabled_targets": disabled, "rebuild": rebuild}
    answer = json.dumps({"response": response, "error": None, "status": 0})
    [pool] = queried([Pool("u", "tank", 16, disabled, "")], f"== u\n{answer}")
    return pool


@pytest.mark.parametrize("disabled", [0, 8])
def test_a_pool_whose_rebuild_failed_has_been_asked(disabled: int) -> None:
    [finding] = unhealthy([_pool(disabled, -2001)], accepted=1)
    assert "its last rebuild ended with status -2001" in finding.message
    assert f"{disabled} of 16 targets" in finding.message
    assert "could not be asked" not in finding.message
    assert unhealthy([_pool(disabled, 0)], accepted=1) == []
