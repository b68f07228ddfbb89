"""As many files may be open as nodes are to be connected to, or no node is."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from typing import Any

import pytest
from pyinfra.api import Config, Inventory, State

from operations.checks import open_files

LIMITS = (256, 1000)  # soft and hard


@pytest.fixture(autouse=True)
def limited(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, int]]]:
    """The limits of a process that cannot be had back: a hard limit only root raises again."""
    limits = [LIMITS]
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limit: limits.append(limit))
    yield limits


def _of(count: int, prefix: str = "") -> State:
    names: Any = [f"{prefix}node-{number}" for number in range(count)]
    return State(Inventory((names, {})), Config())


@pytest.mark.parametrize(("nodes", "soft"), [(8, 256), (100, 364), (500, 1000), (936, 1000)])
def test_the_limit_is_raised_as_far_as_it_is_needed(
    nodes: int, soft: int, limited: list[tuple[int, int]]
) -> None:
    assert not list(open_files.findings(_of(nodes)))
    assert limited[-1] == (soft, 1000)


def test_more_nodes_than_that_are_refused_in_words() -> None:
    [found] = open_files.findings(_of(937))
    assert found.code == "too-few-files"
    assert "937 nodes take as many connections, and no more than 1000 files" in found.message
    assert "`ulimit -n 2875`" in found.message


@pytest.mark.parametrize("limits", [(256, -1), (-1, -1)])
def test_no_limit_is_none(limits: tuple[int, int], limited: list[tuple[int, int]]) -> None:
    assert resource.RLIM_INFINITY == -1
    limited.append(limits)
    assert not list(open_files.findings(_of(5000)))


def test_what_is_no_connection_needs_none() -> None:
    assert not list(open_files.findings(_of(2000, "@docker/")))
