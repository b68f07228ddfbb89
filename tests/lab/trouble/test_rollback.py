"""The way back, from anywhere before the first start on the new release, never after it (R12)."""

from __future__ import annotations

import pytest

from testbed import faults
from testbed.lab.harness import LabNode

from ..site import ADMIN, CLIENT, SERVER, Site
from ..succession import StartSuccession, Succession
from ..waiting import within_transaction

SERVERS = ("daos-server-01", "daos-server-02")
NODES = [*(LabNode(name, SERVER) for name in SERVERS), LabNode("login-01", ADMIN | CLIENT)]
UPDATE = "Update the DAOS packages on all nodes"


@pytest.fixture(scope="module")
def systems(succession: StartSuccession) -> Succession:
    return succession(NODES)


@pytest.fixture
def site(systems: Succession) -> Site:
    return systems.next()


def _interrupt(site: Site, step: str) -> None:
    site.update_until(f"Starting operation: {step}", site.kill)


def _roll_back(site: Site, before: str) -> None:
    done = site.pyinfra("deploys/rollback.py", "-y")
    assert done.exit_code == 0, done.output
    assert site.report["outcome"] == "rolled back"
    assert site.report["to_version"] == before
    site.check_whole(before)


def test_without_an_update_under_way_there_is_nothing_to_roll_back(site: Site) -> None:
    done = site.pyinfra("deploys/rollback.py", "-y")
    assert done.exit_code == 1
    assert site.report["refusals"][0]["code"] == "nothing-to-roll-back"


@pytest.mark.parametrize(
    "step",
    [
        "Stop daos_agent wherever it runs",
        "Stop the engines: dmg system stop",
        "Stop daos_server on the servers",
        UPDATE,
        "Start daos_server on the servers",
    ],
)
def test_before_an_engine_has_started_on_the_new_release(site: Site, step: str) -> None:
    before, digests = site.release, site.lab.digests()
    _interrupt(site, step)
    site.wait_for_package_managers()
    _roll_back(site, before)
    assert site.lab.digests() == digests


def test_from_the_middle_of_the_package_transaction(site: Site) -> None:
    """The power goes when one package is new and the others are not."""
    before = site.release
    node = site.lab.node("daos-server-02")

    def lose_power() -> None:
        within_transaction(node)
        faults.POWER_LOST.strike(node)

    with faults.TRANSACTION_PAUSES.on(node, seconds=4):
        site.update_until(f"Starting operation: {UPDATE}", lose_power)
    _roll_back(site, before)
    assert node.run("rpm -V daos daos-server --noconfig", check=False).stdout == ""


def test_while_an_update_is_rolled_back_it_can_be_interrupted(site: Site) -> None:
    before = site.release
    _interrupt(site, "Start daos_server on the servers")
    site.typed_until(
        "Starting operation: Return the DAOS packages", site.kill, "deploys/rollback.py", "-y"
    )
    site.wait_for_package_managers()
    _roll_back(site, before)


def test_a_server_that_rebooted_and_one_whose_engines_were_only_stopped(site: Site) -> None:
    """One has to be started, the other's engines have to be."""
    before = site.release
    step = "Stop daos_server on the servers"

    def kill_and_reboot() -> None:
        site.kill()
        faults.REBOOT.strike(site.lab.node("daos-server-02"))

    site.update_until(f"Starting operation: {step}", kill_and_reboot)
    _roll_back(site, before)


def test_a_service_that_something_else_has_enabled_meanwhile(site: Site) -> None:
    before = site.release
    _interrupt(site, "Start daos_server on the servers")
    site.lab.node("login-01").run("systemctl enable daos_agent")
    _roll_back(site, before)


def test_a_start_by_hand_ends_the_way_back(site: Site) -> None:
    """The update has to go on from there."""
    _interrupt(site, "Start daos_server on the servers")
    _start_by_hand(site)
    done = site.pyinfra("deploys/rollback.py", "-y")
    assert done.exit_code == 1, done.output
    assert site.report["refusals"][0]["code"] == "engine-started"
    assert site.update().exit_code == 0


def _start_by_hand(site: Site) -> None:
    for name in SERVERS:
        site.lab.node(name).run("systemctl start daos_server")
    site.lab.wait_joined()


def test_a_start_by_hand_ends_the_way_back_also_where_reboots_have_wiped_its_traces(
    site: Site,
) -> None:
    """systemd forgets with the boot; what the unit has written down is on disk."""
    digests = site.lab.digests()
    _interrupt(site, "Start daos_server on the servers")
    _start_by_hand(site)
    site.lab.node("login-01").run("dmg system stop")
    for name in SERVERS:
        server = site.lab.node(name)
        server.run("systemctl stop daos_server")
        faults.REBOOT.strike(server)
        asked = server.run("systemctl show -p ExecMainStartTimestampMonotonic daos_server")
        assert asked.stdout.endswith("=0\n")
    done = site.pyinfra("deploys/rollback.py", "-y")
    assert done.exit_code == 1, done.output
    assert site.report["outcome"] == "refused"
    [finding] = site.report["refusals"]
    assert (finding["code"], finding["hosts"]) == ("engine-started", list(SERVERS))

    again = site.update()
    assert again.exit_code == 0, again.output
    site.check_whole(site.settings["target_release"])
    assert site.lab.digests() == digests


def test_once_an_engine_has_started_it_refuses_and_the_update_goes_on(site: Site) -> None:
    digests = site.lab.digests()
    _interrupt(site, "Wait until every engine has joined")
    done = site.pyinfra("deploys/rollback.py", "-y")
    assert done.exit_code == 1, done.output
    [finding] = site.report["refusals"]
    assert finding["code"] == "engine-started"
    assert "pyinfra inventory deploy.py" in finding["message"]

    again = site.update()
    assert again.exit_code == 0, again.output
    assert site.report["outcome"] == "updated"
    assert site.lab.digests() == digests
