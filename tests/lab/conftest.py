"""Labs for the tests. That none can be started is a failure, never a reason to skip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from testbed.harness import Lab, LabNode

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
    """Start a lab of these nodes, and give the site that it makes; the module's end removes it."""
    with ExitStack() as running:

        def start(nodes: list[LabNode], version: str = "2.0.1", seed: bool = True) -> Site:
            folder = tmp_path_factory.mktemp("site")
            lab = running.enter_context(
                Lab(nodes, version=version, directory=folder / ".lab", seed=seed)
            )
            return Site.of(folder, lab)

        yield start
