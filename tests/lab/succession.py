"""A system that goes from test to test, each of which leads it to the next release."""

from __future__ import annotations

from collections.abc import Callable

from testbed.lab.errors import LabError
from testbed.lab.harness import LabNode

from .site import Site, StartSite

RELEASES = ("2.0.0", "2.0.1", "2.0.2", "2.0.3")


class Succession:
    """Gives each test a system that is whole and may be updated, whatever other tests have done.

    It is the system of the test before where that one has left it whole, and a later release is
    there; else a new one. So no test depends on another, and three of them need one lab.

    + start, end: start a lab, and end it
    + nodes: what it is made of
    """

    def __init__(self, start: StartSite, end: Callable[[], None], nodes: list[LabNode]) -> None:
        self._start, self._end, self._nodes = start, end, nodes
        self._site: Site | None = None

    def next(self) -> Site:
        """A whole system whose settings name the release after its own."""
        if self._site is None or not _can_go_on(self._site):
            self._end()
            self._site = self._start(self._nodes, RELEASES[0])
        site = self._site
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
