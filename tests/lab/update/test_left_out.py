"""A client that cannot be reached: left out where the site allows it, and taken in later, alone."""

from __future__ import annotations

from testbed import faults
from testbed.lab.harness import LabNode

from .. import usage
from ..site import ADMIN, CLIENT, SERVER, StartSite, nodes

AWAY = "daos-client-02"


def test_a_client_that_is_switched_off_is_taken_in_by_the_next_run(
    start_fresh_site: StartSite,
) -> None:
    site = start_fresh_site(nodes(servers=2, clients=2))
    digests = site.lab.digests()
    faults.SWITCHED_OFF.plant(site.lab.node(AWAY))
    refused = site.update()
    assert refused.exit_code == 1, refused.output
    [finding] = site.report["refusals"]
    assert (finding["code"], finding["hosts"]) == ("no-answer", [AWAY])

    done = site.update(unreachable_clients=1)
    assert done.exit_code == 0, done.output
    assert site.report["outcome"] == "updated"
    assert site.report["left_out"] == [AWAY]
    assert f"Left out, since they cannot be reached: {AWAY}" in done.output

    faults.SWITCHED_OFF.mend(site.lab.node(AWAY))
    before = len(site.lab.events())
    later = site.update()
    assert later.exit_code == 0, later.output
    assert site.report["outcome"] == "updated"
    assert site.versions()[AWAY] == {"2.0.3"}
    deeds = {"stop", "start", "installed", "removed", "unit-enabled", "unit-disabled"}
    touched = {e["host"] for e in site.lab.events()[before:] if e["event"] in deeds}
    assert touched == {AWAY}
    assert site.lab.digests() == digests


def test_a_client_that_was_left_out_and_is_in_use_is_not_touched(
    start_fresh_site: StartSite,
) -> None:
    """Only its own applications matter then, and nobody else's connections are evicted for it."""
    site = start_fresh_site(nodes(servers=1, clients=2))
    faults.SWITCHED_OFF.plant(site.lab.node(AWAY))
    assert site.update(unreachable_clients=1).exit_code == 0
    faults.SWITCHED_OFF.mend(site.lab.node(AWAY))
    for name in ("daos-client-01", AWAY):
        usage.hold(site.lab.node(name))
    refused = site.update(evict_connections=True)
    assert refused.exit_code == 1, refused.output
    [finding] = site.report["refusals"]
    assert (finding["code"], finding["hosts"]) == ("in-use", [AWAY])

    usage.let_go(site.lab.node(AWAY))
    done = site.update()
    assert done.exit_code == 0, done.output
    assert usage.holds(site.lab.node("daos-client-01"))


def test_an_admin_node_that_was_away_is_taken_in_without_an_outage(
    start_fresh_site: StartSite,
) -> None:
    others = [LabNode(f"daos-admin-0{number}", ADMIN) for number in (1, 2)]
    site = start_fresh_site([LabNode("daos-server-01", SERVER), *others, LabNode("c-01", CLIENT)])
    with faults.SWITCHED_OFF.on(site.lab.node("daos-admin-02")):
        assert site.update().exit_code == 0
    assert site.report["left_out"] == ["daos-admin-02"]
    before = len(site.lab.events())
    later = site.update()
    assert later.exit_code == 0, later.output
    assert site.versions()["daos-admin-02"] == {"2.0.3"}
    stopped = [e["host"] for e in site.lab.events()[before:] if e["event"] == "stop"]
    assert stopped == []
