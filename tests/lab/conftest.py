"""Labs for the tests. That none can be started is a failure, never a reason to skip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from testbed.lab.harness import Lab, LabNode
from testbed.referee import judge, lines

from .site import Site

StartSite = Callable[..., Site]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs a lab."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.lab)


@pytest.fixture(scope="module")
def start_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartSite]:
    """Start a lab of these nodes, and give the site that it makes; the module's end removes it.

    What it takes beside nodes and version are parameters of Lab.

    What was typed at a site is judged by the referee then.
    """
    yield from _sites(tmp_path_factory)


@pytest.fixture
def start_fresh_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartSite]:
    """As `start_site`, for one test alone."""
    yield from _sites(tmp_path_factory)


def _sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartSite]:
    sites: list[Site] = []
    with ExitStack() as running:

        def start(nodes: list[LabNode], version: str = "2.0.1", **more: Any) -> Site:
            folder = tmp_path_factory.mktemp("site")
            lab = running.enter_context(
                Lab(nodes, version=version, directory=folder / ".lab", **more)
            )
            sites.append(Site.of(folder, lab))
            return sites[-1]

        yield start
        complaints = [complaint for site in sites for complaint in _complaints(site)]
    assert not complaints, "\n".join(complaints)


def _complaints(site: Site) -> list[str]:
    """Where the referee's verdict is not what the site's tests expect; none if nobody typed."""
    if not site.typed:
        return []
    verdicts = judge(site.lab.events())
    broken = {verdict.rule for verdict in verdicts if verdict.state == "broken"}
    if broken == site.broken_rules:
        return []
    expected = ", ".join(sorted(site.broken_rules)) or "none"
    return [f"{site.lab.id}: broken rules were expected: {expected}", *lines(verdicts)]
