"""Labs for the tests. That none can be started is a failure, never a reason to skip."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .site import StartSite
from .sites import KEPT, Sites
from .succession import StartSuccession, Succession


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--keep-labs",
        action="store_true",
        help="let the labs of a failed test stay up, or those of the only test, and tell their use",
    )


@pytest.fixture(scope="module")
def start_site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartSite]:
    """Start a lab of these nodes, and give the site that it makes; the module's end removes it.

    What it takes beside nodes and version are parameters of Lab.

    What was typed at a site is judged by the referee then.
    """
    with Sites(request.session, tmp_path_factory) as sites:
        yield sites.start
    sites.check()


@pytest.fixture
def start_fresh_site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartSite]:
    """As `start_site`, for one test alone."""
    with Sites(request.session, tmp_path_factory) as sites:
        yield sites.start
    sites.check()


@pytest.fixture(scope="module")
def succession(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartSuccession]:
    """Systems of these nodes that the tests of a module lead from release to release."""
    with Sites(request.session, tmp_path_factory) as sites:
        yield lambda nodes: Succession(sites, nodes)
    sites.check()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how to look around in the labs that were kept, and how to end them."""
    for site in config.stash.get(KEPT, []):
        lab = site.lab
        terminalreporter.section("a lab that stays up")
        for line in (
            *(f"ssh -F {lab.ssh_config} {name}" for name in lab.nodes),
            f"cd {site.folder} && . {lab.files.activate} && pyinfra inventory deploy.py",
            f"python -m testbed down --directory {lab.files.directory}    # ends it",
        ):
            terminalreporter.write_line(line)
