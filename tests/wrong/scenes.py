"""What a lab is brought to before a wrong procedure is typed, and what happens while it runs."""

from __future__ import annotations

import json
from collections.abc import Callable

from testbed.lab.container import Node

from ..lab.site import Outcome, Site
from ..lab.waiting import eventually
from .mutated import starting

FAULTS = "/etc/daos/lab-faults.json"
QUICK = {"packages": 300, "service": 60, "stop": 8, "join": 8, "client": 8}


def _plant(node: Node, **faults: object) -> None:
    node.run(f"echo '{json.dumps(faults)}' > {FAULTS}")


def mend(site: Site) -> None:
    """No fault is planted any more."""
    for node in site.lab.nodes.values():
        node.run(f"rm -f {FAULTS}")


def _excluded(site: Site) -> None:
    """An engine dies, and the others exclude it."""
    site.lab.node("daos-server-02").run("pkill -KILL -o -x daos_engine")
    eventually(lambda: "excluded" in _states(site))


def _states(site: Site) -> set[str]:
    answer = json.loads(site.lab.node("login-01").run("dmg -j system query").stdout)
    return {member["state"] for member in answer["response"]["members"]}


def _never_ready(site: Site) -> None:
    _plant(site.lab.node("daos-server-02"), engine_never_ready=True)


def _cannot_be_prepared(site: Site) -> None:
    _plant(site.lab.node("daos-server-02"), prep_fails=True)


def _rpm_fails(site: Site) -> None:
    _plant(site.lab.node("daos-server-02"), rpm_fails=True)


def _failed_on_the_client(site: Site) -> None:
    client = site.lab.node("login-01")
    _plant(client, rpm_fails=True)
    assert site.update().exit_code == 1
    mend(site)


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
    site.lab.node("login-01").run(
        "setsid daos-job tank home --hold > /tmp/job.log 2>&1 & "
        "timeout 20 sh -c 'until grep -qs connected /tmp/job.log; do sleep 0.1; done'"
    )


SCENES: dict[str, Callable[[Site], object]] = {
    "": lambda site: None,
    "a rank is excluded": _excluded,
    "an application is connected": _job,
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
    server = site.lab.node("daos-server-02")
    words = starting("packages.updated")
    return site.typed_until(words, server.restart, *typed, timeouts=QUICK)


RUNS: dict[str, Callable[..., Outcome]] = {
    "": _as_it_is,
    "a server reboots before packages change": _a_server_reboots,
}
