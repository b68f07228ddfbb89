"""The way back, from anywhere before the first start on the new release, never after it (R12)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import pytest

from operations.daos.window_file import STARTS
from testbed import faults
from testbed.lab.harness import LabNode

from .. import published
from ..site import ADMIN, CLIENT, SERVER, Outcome, Site
from ..succession import RELEASES, StartSuccession, Succession
from ..waiting import within_transaction

SERVERS = ("daos-server-01", "daos-server-02")
NODES = [*(LabNode(name, SERVER) for name in SERVERS), LabNode("login-01", ADMIN | CLIENT)]
HIT = SERVERS[1]
UPDATE = "Update the DAOS packages on all nodes"
START = "Start daos_server on the servers"


@pytest.fixture(scope="module")
def systems(succession: StartSuccession) -> Succession:
    return succession(NODES)


@pytest.fixture
def site(systems: Succession) -> Site:
    return systems.next()


def _interrupt(site: Site, step: str) -> None:
    begins = f"Starting operation: {step}"
    assert begins in site.update_until(begins, site.kill).output


def _typed(site: Site) -> Outcome:
    return site.pyinfra("deploys/rollback.py", "-y")


def _interrupt_the_way_back(site: Site, step: str) -> None:
    begins = f"Starting operation: {step}"
    done = site.typed_until(begins, site.kill, "deploys/rollback.py", "-y")
    assert begins in done.output, done.output
    site.wait_for_package_managers()


def _roll_back(site: Site, before: str, digests: dict[str, str]) -> None:
    done = _typed(site)
    assert done.exit_code == 0, done.output
    assert site.report["outcome"] == "rolled back"
    assert site.report["to_version"] == before
    site.check_whole(before)
    assert site.lab.digests() == digests


def test_without_an_update_under_way_there_is_nothing_to_roll_back(site: Site) -> None:
    assert _typed(site).exit_code == 1
    assert site.report["refusals"][0]["code"] == "nothing-to-roll-back"


def test_before_the_engines_stop(site: Site) -> None:
    """With the agents stopped, and then with nothing stopped, and nothing that starts at boot."""
    before, digests = site.release, site.lab.digests()
    _interrupt(site, "Stop the engines: dmg system stop")
    _interrupt_the_way_back(site, "Let DAOS start at boot where it did before")
    agent = site.lab.node("login-01").run("systemctl is-active daos_agent")
    assert agent.stdout == "active\n"
    _roll_back(site, before, digests)


def test_a_server_that_rebooted_and_one_whose_engines_were_only_stopped(site: Site) -> None:
    """One has to be started, the other's engines have to be, and it is not asked before it listens.

    A server that refuses what it is asked then, and whose ranks join before all others have
    answered, would have them unresponsive for good.
    """
    before, digests = site.release, site.lab.digests()

    def kill_and_reboot() -> None:
        site.kill()
        faults.REBOOT.strike(site.lab.node(HIT))

    site.update_until("Starting operation: Stop daos_server on the servers", kill_and_reboot)
    late, slow = (site.lab.node(name) for name in reversed(SERVERS))
    with (
        faults.SERVER_LISTENS_LATE.on(late, seconds=2),
        faults.ENGINE_READY_LATE.on(slow, seconds=6),
    ):
        _roll_back(site, before, digests)


def test_from_the_middle_of_the_package_transaction(site: Site) -> None:
    """The power goes when one package is new and the others are not."""
    before, digests = site.release, site.lab.digests()
    node = site.lab.node(HIT)

    def lose_power() -> None:
        within_transaction(node)
        faults.POWER_LOST.strike(node)

    published.an_older_dependency(site)
    with faults.TRANSACTION_PAUSES.on(node, seconds=4):
        site.update_until(f"Starting operation: {UPDATE}", lose_power)
    _roll_back(site, before, digests)
    assert published.spdk(site) == {published.SPDK}
    assert node.run("rpm -V daos daos-server --noconfig", check=False).stdout == ""


def test_from_all_packages_new_with_trouble_on_the_way(site: Site) -> None:
    """It is interrupted with the new packages and with the old ones; a service gets enabled.

    Between two updates that get as far as that, the site has chosen another release.
    What was updated with DAOS goes back with it.
    """
    before, digests = site.release, site.lab.digests()
    published.an_older_dependency(site)
    _interrupt(site, START)
    site.settings["target_release"] = RELEASES[-1]
    _interrupt(site, START)
    assert site.release == RELEASES[-1]
    assert published.spdk(site) == {published.NEWER_SPDK}
    _interrupt_the_way_back(site, "Return the DAOS packages on all nodes")
    site.lab.node("login-01").run("systemctl enable daos_agent")
    _interrupt_the_way_back(site, START)
    assert site.release == before
    _roll_back(site, before, digests)
    assert published.spdk(site) == {published.SPDK}


def test_a_start_by_hand_ends_the_way_back(site: Site) -> None:
    """The update has to go on from there.

    The servers' own drop-in does not keep a start from leaving a trace; where it is lost, nobody
    knows whether there was one.
    """
    digests = site.lab.digests()
    servers = [site.lab.node(name) for name in SERVERS]
    with ExitStack() as planted:
        for server in servers:
            planted.enter_context(faults.STARTS_TAKEN_BACK.on(server, file="override.conf"))
        _interrupt(site, START)
        with faults.FILE_REPLACED.on(servers[1], path=STARTS, text=""):
            _there_is_no_way_back(site, "start-unknown", [HIT])
        _start_by_hand(site)
        _there_is_no_way_back(site)
        _interrupt(site, "Start daos_agent where it ran")  # so it goes on from such a start

        _traces_are_wiped_by_reboots(site)
        _there_is_no_way_back(site)
        again = site.update()
    assert again.exit_code == 0, again.output
    site.check_whole(site.settings["target_release"])
    assert site.lab.digests() == digests


def _start_by_hand(site: Site) -> None:
    for name in SERVERS:
        site.lab.node(name).run("systemctl start daos_server")
    site.lab.wait_joined()


def _traces_are_wiped_by_reboots(site: Site) -> None:
    """systemd forgets with the boot; what the unit has written down is on disk."""
    site.lab.node("login-01").run("dmg system stop")
    for name in SERVERS:
        server = site.lab.node(name)
        server.run("systemctl stop daos_server")
        faults.REBOOT.strike(server)
        asked = server.run("systemctl show -p ExecMainStartTimestampMonotonic daos_server")
        assert asked.stdout.endswith("=0\n")


def _there_is_no_way_back(
    site: Site, code: str = "engine-started", hosts: Sequence[str] = SERVERS
) -> None:
    done = _typed(site)
    assert done.exit_code == 1, done.output
    assert site.report["outcome"] == "refused"
    [finding] = site.report["refusals"]
    assert (finding["code"], finding["hosts"]) == (code, list(hosts))
