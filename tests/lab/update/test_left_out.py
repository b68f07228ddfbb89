"""A node that cannot be reached: left out where that is allowed, and taken in later, alone."""

from __future__ import annotations

from testbed import faults
from testbed.lab.harness import LabNode

from .. import usage
from ..site import ADMIN, CLIENT, SERVER, Site, StartSite

ADMIN_AWAY, AWAY = "daos-admin-02", "daos-client-02"
NODES = [
    LabNode("daos-server-01", SERVER),
    *(LabNode(f"daos-admin-0{number}", ADMIN) for number in (1, 2)),
    *(LabNode(f"daos-client-0{number}", CLIENT) for number in (1, 2)),
]
DEEDS = {"stop", "start", "installed", "removed", "unit-enabled", "unit-disabled"}


def test_what_is_switched_off_is_taken_in_by_the_next_run_without_an_outage(
    start_fresh_site: StartSite,
) -> None:
    """Only its own applications matter then, and nobody else's connections are evicted for it.

    What the inventory has besides the three groups need not be there at all.
    """
    site = start_fresh_site(NODES, version="2.0.0")
    site.settings = {"target_release": "2.0.1"}
    site.write_inventory(**site.groups, others=["no-such-host"])
    digests = site.lab.digests()
    away = [site.lab.node(name) for name in (ADMIN_AWAY, AWAY)]
    for node in away:
        faults.SWITCHED_OFF.plant(node)
    refused = site.update()
    assert refused.exit_code == 1, refused.output
    [finding] = site.report["refusals"]
    assert (finding["code"], finding["hosts"]) == ("no-answer", [AWAY])

    _one_that_comes_back_before_the_engines_stop_is_noticed(site)
    done = site.update(unreachable_clients=1)
    assert done.exit_code == 0, done.output
    assert "Nothing is done on no-such-host" in done.output
    assert site.report["outcome"] == "updated"
    assert site.report["left_out"] == [ADMIN_AWAY, AWAY]
    assert f"Left out, since they cannot be reached: {ADMIN_AWAY},{AWAY}" in done.output

    for node in away:
        faults.SWITCHED_OFF.mend(node)
    for name in ("daos-client-01", AWAY):
        usage.hold(site.lab.node(name))
    refused = site.update(evict_connections=True)
    assert refused.exit_code == 1, refused.output
    [finding] = site.report["refusals"]
    assert (finding["code"], finding["hosts"]) == ("in-use", [AWAY])

    usage.let_go(site.lab.node(AWAY))
    before = len(site.lab.events())
    later = site.update()
    assert later.exit_code == 0, later.output
    assert site.report["outcome"] == "updated"
    versions = site.versions()
    assert [versions[node.name] for node in away] == [{"2.0.1"}, {"2.0.1"}]
    deeds = [event for event in site.lab.events()[before:] if event["event"] in DEEDS]
    assert {event["host"] for event in deeds} == {ADMIN_AWAY, AWAY}
    assert {event["host"] for event in deeds if event["event"] == "stop"} == {AWAY}
    assert usage.holds(site.lab.node("daos-client-01"))
    assert site.lab.digests() == digests
    usage.let_go(site.lab.node("daos-client-01"))
    _a_client_that_was_away_is_taken_back_later(site)
    assert site.lab.digests() == digests


def _one_that_comes_back_before_the_engines_stop_is_noticed(site: Site) -> None:
    node = site.lab.node(AWAY)
    words = "Starting operation: Set up the repository"
    done = site.update_until(words, lambda: faults.SWITCHED_OFF.mend(node), unreachable_clients=1)
    assert done.exit_code == 1, done.output
    [finding] = site.report["refusals"]
    assert (finding["code"], finding["hosts"]) == ("came-back", [AWAY])
    assert "daos_engine" not in {e["program"] for e in site.events() if e["event"] == "stop"}
    faults.SWITCHED_OFF.plant(node)


def _a_client_that_was_away_is_taken_back_later(site: Site) -> None:
    """It had been updated, and an engine was never started on that release."""
    site.settings = {}
    words = "Starting operation: Start daos_server on the servers"
    site.update_until(words, site.kill)
    with faults.SWITCHED_OFF.on(site.lab.node(AWAY)):
        done = site.pyinfra("deploys/rollback.py", "-y", unreachable_clients=1)
        assert done.exit_code == 0, done.output
    assert site.versions()[AWAY] == {"2.0.3"}
    done = site.pyinfra("deploys/rollback.py", "-y")
    assert (done.exit_code, site.report["outcome"]) == (0, "rolled back"), done.output
    site.check_whole("2.0.1")
