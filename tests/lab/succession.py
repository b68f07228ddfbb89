"""A system that goes from test to test, each of which leads it to the next release."""

from __future__ import annotations

from collections.abc import Callable

from testbed.lab.errors import LabError
from testbed.lab.harness import LabNode

from .site import Site
from .sites import Sites

RELEASES = ("2.0.0", "2.0.1", "2.0.2", "2.0.3")


class Succession:
    """Gives each test a system that is whole and may be updated, whatever other tests have done.

    It is the system of the test before where that one has passed and left it whole, and a later
    release is there; else a new one. So no test depends on another, and three of them need one lab.

    + nodes: what a system is made of
    """

    def __init__(self, sites: Sites, nodes: list[LabNode]) -> None:
        self._sites, self._nodes = sites, nodes
        self._site: Site | None = None
        self._failures = 0

    def next(self) -> Site:
        """A whole system whose settings name the release after its own."""
        if not self._site or self._sites.failures > self._failures or not _can_go_on(self._site):
            self._sites.end()
            self._site = self._sites.start(self._nodes, RELEASES[0])
        site, self._failures = self._site, self._sites.failures
        site.begin_anew()
        site.settings = {"target_release": RELEASES[RELEASES.index(site.release) + 1]}
        return site


def _can_go_on(site: Site) -> bool:
    try:
        release = site.release
        site.check_whole(release)
    except (AssertionError, LabError, ValueError):
        return False
    return release != RELEASES[-1]


StartSuccession = Callable[[list[LabNode]], Succession]
