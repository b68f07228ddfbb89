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


def mend(site: Site) -> None:
    """No fault is planted any more."""
    for node in site.lab.nodes.values():
        faults.clear(node)


def _excluded(site: Site) -> None:
    """An engine dies, and the others exclude it."""
    faults.ENGINE_DIES.plant(site.lab.node(_SERVER))
    eventually(lambda: "excluded" in usage.states(site.lab.node("login-01")).values())


def _never_ready(site: Site) -> None:
    faults.ENGINE_NEVER_READY.plant(site.lab.node(_SERVER))


def _cannot_be_prepared(site: Site) -> None:
    faults.ENGINE_NOT_PREPARED.plant(site.lab.node(_SERVER))


def _rpm_fails(site: Site) -> None:
    faults.PACKAGES_FAIL.plant(site.lab.node(_SERVER))


def _failed_on_the_client(site: Site) -> None:
    with faults.PACKAGES_FAIL.on(site.lab.node("login-01")):
        assert site.update().exit_code == 1


def _started(site: Site) -> None:
    site.update_until(starting("system.joined"), site.kill)


def _not_enabled(site: Site) -> None:
    site.settings["start_at_boot"] = None
    site.lab.node("login-01").run("systemctl disable daos_agent")


def _killed_with_agent_not_enabled(site: Site) -> None:
    _not_enabled(site)
    site.update_until(starting("system.stopped"), site.kill)


def _job(site: Site) -> None:
    """An application holds a connection of a pool."""
    usage.hold(site.lab.node("login-01"))


def _agent_by_hand(site: Site) -> None:
    """Beside the one of the unit."""
    client = site.lab.node("login-01")
    faults.FOREIGN_AGENT.plant(client)
    eventually(lambda: len(client.run("pgrep -x daos_agent").stdout.split()) == 2)


SCENES: dict[str, Callable[[Site], object]] = {
    "": lambda site: None,
    "a rank is excluded": _excluded,
    "an application is connected": _job,
    "an agent was started by hand": _agent_by_hand,
    "an engine does not come up": _never_ready,
    "an engine cannot be prepared for a stop": _cannot_be_prepared,
    "packages fail on one server": _rpm_fails,
    "the update has failed on the client": _failed_on_the_client,
    "engines have started on the new release": _started,
    "an agent runs without being enabled": _not_enabled,
    "a run was killed, and an agent ran without being enabled": _killed_with_agent_not_enabled,
    "all is updated": lambda site: None,  # the lab has the target from its start
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
