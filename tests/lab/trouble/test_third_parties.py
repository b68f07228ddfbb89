"""What somebody else starts: by hand, or by its unit in the middle of the package transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from testbed import faults
from testbed.lab.container import Node

from ..site import ROOT, Site, nodes
from ..succession import StartSuccession, Succession
from ..waiting import eventually, within_transaction

SERVER_2 = "daos-server-02"
CLIENT = "daos-client-01"
TRANSACTION = "Starting operation: Update the DAOS packages"
MEANWHILE = "Starting operation: Meanwhile"
# A step in which somebody starts something, so that the next one looks after that and not before.
PAUSE = """\
from pyinfra.operations import server
waits = "timeout 60 sh -c 'until [ -e /tmp/go ]; do sleep 0.1; done'"
server.shell(name="Meanwhile", commands=[waits])
"""


@pytest.fixture(scope="module")
def systems(succession: StartSuccession) -> Succession:
    return succession(nodes(servers=2, clients=1))


def _pids(node: Node, daemon: str) -> set[str]:
    return set(node.run(f"pgrep -x {daemon}", check=False).stdout.split())


def _by_hand(node: Node, command: str, user: str) -> str:
    """Start a daemon past systemd; its process id."""
    daemon = command.split()[0]
    before = _pids(node, daemon)
    node.run(f"setsid runuser -u {user} -- {command} > /tmp/by-hand.log 2>&1 < /dev/null &")
    [pid] = eventually(lambda: _pids(node, daemon) - before)
    return pid


@contextmanager
def _pausing(site: Site) -> Iterator[None]:
    """The procedure waits before it updates packages, until `_go_on`."""
    deploy, text = site.folder / "deploy.py", (ROOT / "deploy.py").read_text()
    deploy.unlink()
    deploy.write_text(text.replace("packages.updated(", f"{PAUSE}packages.updated(", 1))
    yield
    deploy.unlink()
    deploy.symlink_to(ROOT / "deploy.py")


def _go_on(site: Site) -> None:
    for node in site.lab.nodes.values():
        node.run("touch /tmp/go")


def _end(node: Node, daemon: str, pid: str) -> None:
    node.run(f"kill {pid}")
    eventually(lambda: not node.run(f"pgrep -x '{daemon}|daos_engine'", check=False).stdout)


def _refused_for(site: Site, *words: str) -> None:
    """For the daemon, and, if they run by then, for its engines."""
    found = {finding["code"]: finding["message"] for finding in site.report["refusals"]}
    assert {"foreign-daemon"} <= set(found) <= {"foreign-daemon", "daos-running"}
    assert [word for word in words if word not in found["foreign-daemon"]] == []


def test_daemons_that_no_unit_has_started_are_refused_before_the_window_and_in_it(
    systems: Succession,
) -> None:
    site = systems.next()
    before, old = site.lab.digests(), site.release
    client, server = site.lab.node(CLIENT), site.lab.node(SERVER_2)

    ours = _pids(client, "daos_agent")
    faults.FOREIGN_AGENT.plant(client)
    [pid] = eventually(lambda: _pids(client, "daos_agent") - ours)
    assert site.update().exit_code == 1
    _refused_for(site, f"daos_agent (pid {pid}, user daos_agent, uid ", f"kill {pid}")
    assert site.report["outcome"] == "refused"
    client.run(f"kill {pid}")

    started: list[str] = []
    command = "daos_server start -o /etc/daos/daos_server.yml"

    def others_start() -> None:
        started.append(_by_hand(server, command, "daos_server"))
        _go_on(site)

    with _pausing(site):
        done = site.update_until(MEANWHILE, others_start)
    assert done.exit_code == 1, done.output
    assert site.release == old
    _refused_for(site, f"daos_server (pid {started[0]}, user daos_server, uid ", "dmg system stop")
    assert "The data is at rest" not in done.output
    _end(server, "daos_server", started[0])

    again = site.update()
    assert again.exit_code == 0, again.output
    site.check_whole(site.settings["target_release"])
    assert site.lab.digests() == before


def test_a_unit_that_would_start_daos_at_a_reboot_is_refused_before_anything_is_stopped(
    systems: Succession,
) -> None:
    """It comes once the examination is over; systemd then starts the agent that was disabled."""
    site = systems.next()
    before, client = site.lab.digests(), site.lab.node(CLIENT)
    pulled = {"unit": "daos_agent.service"}
    done = site.update_until(
        "Starting operation: Keep DAOS from starting at boot",
        lambda: faults.PULLED_IN.plant(client, **pulled),
    )
    assert done.exit_code == 1, done.output
    [finding] = site.report["refusals"]
    assert (finding["code"], finding["hosts"]) == ("starts-at-boot", [CLIENT])
    assert "daos_agent.service is started by site-jobs.service as well" in finding["message"]
    assert site.report["offline_window_s"] is None

    faults.REBOOT.strike(client)
    eventually(lambda: _pids(client, "daos_agent"))
    assert client.run("systemctl is-enabled daos_agent", check=False).stdout == "disabled\n"

    faults.PULLED_IN.mend(client, **pulled)
    again = site.update()
    assert again.exit_code == 0, again.output
    site.check_whole(site.settings["target_release"])
    assert site.lab.digests() == before


def _started_in_its_transaction(node: Node, unit: str) -> None:
    within_transaction(node)
    node.run(f"systemctl start {unit}")


def test_what_is_started_by_its_unit_in_the_middle_of_a_transaction_does_not_stay(
    systems: Succession,
) -> None:
    """A server is refused before others start; an agent is started anew."""
    site = systems.next()
    site.broken_rules = {"R4", "R5", "R6"}  # by those who start them
    before = site.lab.digests()
    client, server = site.lab.node(CLIENT), site.lab.node(SERVER_2)

    def others_start() -> None:
        _started_in_its_transaction(server, "daos_server")
        _started_in_its_transaction(client, "daos_agent")

    with (
        faults.TRANSACTION_PAUSES.on(server, seconds=8),
        faults.TRANSACTION_PAUSES.on(client, seconds=8),
    ):
        done = site.update_until(TRANSACTION, others_start)
    assert done.exit_code == 1, done.output
    [finding] = site.report["refusals"]
    assert (finding["code"], finding["hosts"]) == ("older-daemon", [SERVER_2])
    first = site.lab.node("daos-server-01")
    assert not first.run("pgrep -x daos_server", check=False).stdout

    server.run("systemctl stop daos_server")
    assert site.pyinfra("deploys/rollback.py", "-y").exit_code == 1
    [finding] = site.report["refusals"]
    assert (finding["code"], finding["hosts"]) == ("engine-started", [SERVER_2])
    asked = "systemctl show -p MainPID --value daos_agent"
    old = client.run(asked).stdout
    again = site.update()
    assert again.exit_code == 0, again.output
    assert client.run(asked).stdout != old
    site.check_whole(site.settings["target_release"])
    assert site.lab.digests() == before
