"""What a lab is brought to before a wrong procedure is typed, and what happens while it runs."""

from __future__ import annotations

from collections.abc import Callable

from testbed import faults

from ..lab import usage
from ..lab.site import Outcome, Site
from ..lab.waiting import eventually
from .mutated import WAITING, go_on, starting

_SERVER = "daos-server-02"
QUICK = {"packages": 300, "service": 60, "stop": 8, "join": 8, "client": 8}


def _excluded(site: Site) -> None:
    """An engine dies, and the others exclude it."""
    faults.ENGINE_DIES.plant(site.lab.node(_SERVER))
    eventually(lambda: "excluded" in usage.states(site.lab.node("login-01")).values())


def _rpm_fails(site: Site) -> None:
    faults.PACKAGES_FAIL.plant(site.lab.node(_SERVER))


def _started(site: Site) -> None:
    site.update_until(starting("system.joined"), site.kill)


SCENES: dict[str, Callable[[Site], object]] = {
    "": lambda site: None,
    "a rank is excluded": _excluded,
    "packages fail on one server": _rpm_fails,
    "engines have started on the new release": _started,
}


def _as_it_is(site: Site, *typed: str) -> Outcome:
    return site.pyinfra(*typed, timeouts=QUICK)


def _a_server_reboots(site: Site, *typed: str) -> Outcome:
    def rebooted() -> None:
        faults.REBOOT.strike(site.lab.node(_SERVER))
        go_on(site)

    return site.typed_until(WAITING, rebooted, *typed, timeouts=QUICK)


RUNS: dict[str, Callable[..., Outcome]] = {
    "": _as_it_is,
    "a server reboots before packages change": _a_server_reboots,
}
