"""Labs for the tests. That none can be started is a failure, never a reason to skip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from testbed.lab.harness import Lab, LabNode
from testbed.referee import judge, lines

from .site import Site, StartSite
from .succession import Succession

_KEPT = pytest.StashKey[list[Site]]()


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
) -> Iterator[Callable[[list[LabNode]], Succession]]:
    """Systems of these nodes that the tests of a module lead from release to release."""
    with Sites(request.session, tmp_path_factory) as sites:
        yield lambda nodes: Succession(sites.start, sites.end, nodes)
    sites.check()


class Sites:
    """Sites whose labs end together, and what the referee has to say of them then."""

    def __init__(self, session: pytest.Session, folders: pytest.TempPathFactory) -> None:
        self._session, self._folders = session, folders
        self._failed = session.testsfailed
        self._sites: list[Site] = []
        self._complaints: list[str] = []
        self._running = ExitStack()

    def __enter__(self) -> Sites:
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def start(self, nodes: list[LabNode], version: str = "2.0.1", **more: Any) -> Site:
        """Start a lab; what it takes beside nodes and version are parameters of Lab."""
        folder = self._folders.mktemp("site")
        lab = Lab(nodes, version=version, directory=folder / ".lab", **more)
        self._running.enter_context(lab)
        self._sites.append(Site.of(folder, lab))
        return self._sites[-1]

    def end(self) -> None:
        """End the labs that run, or keep them."""
        with self._running:
            self._complaints += [line for site in self._sites for line in _complaints(site)]
            if self._session.config.getoption("--keep-labs") and self._are_of_interest():
                self._keep()
        self._sites.clear()

    def _are_of_interest(self) -> bool:
        only_one = len(self._session.items) == 1
        return only_one or self._session.testsfailed > self._failed or bool(self._complaints)

    def _keep(self) -> None:
        for site in self._sites:
            site.lab.keep()
        self._session.config.stash.setdefault(_KEPT, []).extend(self._sites)

    def check(self) -> None:
        """Fail where the referee's verdict is not what the tests expect."""
        assert not self._complaints, "\n".join(self._complaints)


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


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how to look around in the labs that were kept, and how to end them."""
    for site in config.stash.get(_KEPT, []):
        lab = site.lab
        terminalreporter.section("a lab that stays up")
        for line in (
            *(f"ssh -F {lab.ssh_config} {name}" for name in lab.nodes),
            f"cd {site.folder} && . {lab.activate} && pyinfra inventory deploy.py",
            f"python -m testbed down --directory {lab.files.directory}    # ends it",
        ):
            terminalreporter.write_line(line)
