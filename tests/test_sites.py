"""The labs of tests end with them, may be kept after a failure, and are led on while whole."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from testbed.lab.harness import LabNode

from .lab import sites, succession
from .lab.sites import KEPT, Sites
from .lab.succession import Succession

NODES = [LabNode("node-01", frozenset())]


class FakeLab:
    """A lab that remembers what becomes of it."""

    def __init__(self, nodes: list[LabNode], **more: Any) -> None:
        self.version = more["version"]
        self.kept = self.ended = False

    def __enter__(self) -> FakeLab:
        return self

    def __exit__(self, *error: object) -> None:
        self.ended = True

    def keep(self) -> None:
        self.kept = True

    def having(self, role: str) -> list[Any]:
        return []


class Session(SimpleNamespace):
    """What of a session of pytest is asked: how many tests there are, and have failed."""

    def __init__(self, keep_labs: bool, tests: int) -> None:
        config = SimpleNamespace(getoption=lambda name: keep_labs, stash=pytest.Stash())
        super().__init__(config=config, items=[None] * tests, testsfailed=0)


@pytest.fixture(autouse=True)
def no_labs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sites, "Lab", FakeLab)


@pytest.mark.parametrize(
    ("asked", "tests", "fails", "kept"),
    [
        (True, 2, True, True),
        (True, 2, False, False),
        (True, 1, False, True),
        (False, 1, True, False),
    ],
)
def test_a_lab_is_kept_where_that_is_asked_for_and_there_is_something_to_see(
    tmp_path_factory: pytest.TempPathFactory, asked: bool, tests: int, fails: bool, kept: bool
) -> None:
    session: Any = Session(asked, tests)
    with Sites(session, tmp_path_factory) as ours:
        site = ours.start(NODES)
        session.testsfailed += fails
    assert isinstance(site.lab, FakeLab)
    assert (site.lab.kept, site.lab.ended) == (kept, True)
    assert session.config.stash.get(KEPT, []) == ([site] if kept else [])


def test_a_system_goes_from_test_to_test_until_one_fails_or_it_is_at_the_last_release(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases: dict[int, str] = {}
    of = property(lambda site: releases.setdefault(id(site), site.lab.version))
    monkeypatch.setattr(sites.Site, "release", of)
    monkeypatch.setattr(sites.Site, "check_whole", lambda site, release: None)
    monkeypatch.setattr(sites.Site, "begin_anew", lambda site: None)
    session: Any = Session(False, 9)
    with Sites(session, tmp_path_factory) as ours:
        systems = Succession(ours, NODES)
        first = systems.next()
        for target in succession.RELEASES[1:]:
            assert systems.next() is first
            assert first.settings == {"target_release": target}
            releases[id(first)] = target
        second = systems.next()
        assert second is not first
        assert isinstance(first.lab, FakeLab)
        assert first.lab.ended
        session.testsfailed += 1
        assert systems.next() is not second
