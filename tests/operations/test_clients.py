"""Whether a client works is never said without a pool to try."""

from __future__ import annotations

import pytest
from pyinfra.context import ctx_host, ctx_state

from operations import clients
from operations.machinery import run

from .fake_cluster import NO_POOLS, load

SITE = {"s1": ("servers",), "a1": ("admins",), "c1": ("clients",)}


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ("", "not known which pool"),
        ('{"response": null, "error": "unable to contact", "status": -1025}', "unable to contact"),
        (NO_POOLS, None),
    ],
)
def test_no_answer_of_dmg_is_not_taken_for_no_pools(
    as_the_command_does: None, answer: str, word: str | None
) -> None:
    state = load(SITE, dict.fromkeys(SITE, "2.0.3"), pool_list=answer)
    client = state.inventory.get_host("@fake/c1")
    with ctx_state.use(state), ctx_host.use(client):
        problem = clients._fails(run.of(state), client)
    assert problem is None if word is None else word in str(problem)
