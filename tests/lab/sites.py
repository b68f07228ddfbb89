"""Sites whose labs end together, with the verdict of the referee."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest

from testbed.lab.harness import Lab, LabNode
from testbed.referee import judge, lines

from .site import Site

KEPT = pytest.StashKey[list[Site]]()


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
        self._session.config.stash.setdefault(KEPT, []).extend(self._sites)

    @property
    def failures(self) -> int:
        """How many tests have failed so far."""
        return self._session.testsfailed

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
