"""Trouble inside the window: the run stops everywhere, says what is missing, and goes on."""

from __future__ import annotations

from datetime import datetime

import pytest

from testbed import faults

from .. import usage
from ..site import QUICK, Site, StartSite, nodes
from ..succession import StartSuccession, Succession


@pytest.fixture(scope="module")
def systems(succession: StartSuccession) -> Succession:
    return succession(nodes(servers=2, clients=1))


@pytest.fixture
def site(systems: Succession) -> Site:
    return systems.next()


def test_engines_that_cannot_be_prepared_are_left_serving(site: Site) -> None:
    with faults.ENGINE_NOT_PREPARED.on(site.lab.node("daos-server-02")):
        done = site.update()
    assert done.exit_code != 0
    assert site.report["outcome"] == "failed"
    [failure] = site.report["failures"]
    assert "prep shutdown" in failure["message"]
    programs = {(e["program"], e["event"]) for e in site.events()}
    assert ("daos_engine", "stop") not in programs
    assert ("daos_server", "stop") not in programs

    again = site.update()
    assert again.exit_code == 0, again.output
    assert site.report["outcome"] == "updated"


def test_an_engine_that_does_not_come_up_is_named_with_its_log(site: Site) -> None:
    server = site.lab.node("daos-server-02")
    before = site.lab.digests()
    with faults.ENGINE_NEVER_READY.on(server):
        done = site.update(timeouts=QUICK)
    assert done.exit_code != 0
    assert site.report["outcome"] == "failed"
    [failure] = site.report["failures"]
    for word in ("daos-server-02", "rank", "stopped", "last lines of daos_server"):
        assert word in failure["message"], failure["message"]
    assert "daos-server-01 is" not in failure["message"]
    assert not site.lab.node("daos-client-01").run("pgrep -x daos_agent", check=False).stdout
    assert "Failed at the step 'Wait until every engine has joined'" in done.output
    assert "DAOS serves in part: engines run on" in done.output
    assert "type: pyinfra inventory deploy.py -y" in done.output
    assert "rollback.py" not in done.output  # one engine has started on the new release

    server.run("systemctl restart daos_server")
    again = site.update()
    assert again.exit_code == 0, again.output
    assert site.lab.digests() == before
    assert (
        site.lab.node("daos-client-01").run("systemctl is-active daos_agent").stdout == "active\n"
    )


def test_a_node_that_falls_silent_in_the_window_ends_the_run_and_the_next_one_goes_on(
    site: Site,
) -> None:
    """As a node does that dies, or whose network goes: connections stay, no answer comes."""
    client = site.lab.node("daos-client-01")
    release, before = site.release, site.lab.digests()
    done = site.update_until(
        "Starting operation: Stop daos_server", lambda: faults.SSH_SILENT.plant(client)
    )
    faults.SSH_SILENT.mend(client)
    assert done.exit_code == 1, done.output
    assert "[no-answer] on daos-client-01" in done.output
    assert "Parts of DAOS are stopped since" in done.output
    assert site.report["outcome"] == "failed"
    assert site.release == release

    again = site.update()
    assert again.exit_code == 0, again.output
    assert "DAOS was stopped already when this run began" in again.output
    assert site.report["outcome"] == "updated"
    agents = [e["time"] for e in site.events() if e["program"] == "daos_agent"]
    begin, end = (datetime.fromisoformat(time) for time in agents[-2:])
    assert (end - begin).total_seconds() <= site.report["offline_window_s"]
    assert site.lab.digests() == before


def test_ctrl_c_in_the_window_is_no_success_and_the_next_run_goes_on(site: Site) -> None:
    before = site.lab.digests()
    done = site.update_until("Starting operation: Update the DAOS packages", site.press_ctrl_c)
    assert done.exit_code == 130, done.output
    assert "Interrupted at the step 'Update the DAOS packages on all nodes'" in done.output
    assert site.report["outcome"] == "failed"

    site.wait_for_package_managers()
    again = site.update()
    assert again.exit_code == 0, again.output
    assert "DAOS was stopped already when this run began" in again.output
    assert site.lab.digests() == before


def test_connections_are_evicted_only_where_the_site_allows_it(site: Site) -> None:
    client = site.lab.node("daos-client-01")
    client.run("mkdir -p /mnt/home && dfuse --mountpoint /mnt/home --pool tank --container home")
    usage.hold(client)
    refused = site.update()
    assert refused.exit_code != 0
    [finding] = site.report["refusals"]
    assert finding["code"] == "in-use"
    assert "dfuse mounted at /mnt/home" in finding["message"]
    assert "daos-job" in finding["message"]
    assert "pool-evicted" not in {event["event"] for event in site.events()}

    done = site.update(evict_connections=True)
    assert done.exit_code == 0, done.output
    events = site.events()
    evicted = [e for e in events if e["event"] == "pool-evicted" and e["details"]["handles"]]
    stops = [e for e in events if (e["program"], e["event"]) == ("daos_engine", "stop")]
    assert evicted
    assert evicted[-1]["time"] < stops[0]["time"]


def test_a_server_that_the_inventory_lost_is_noticed_while_all_is_stopped(site: Site) -> None:
    """Once before its daos_server is stopped, where dmg tells, and once after, from the record."""
    for step in ("Stop daos_server on the servers", "Update the DAOS packages on all nodes"):
        site.update_until(f"Starting operation: {step}", site.kill)
        site.wait_for_package_managers()
        site.write_inventory(**{**site.groups, "servers": ["daos-server-01"]})
        done = site.update()
        assert done.exit_code == 1, done.output
        assert "not-in-inventory" in {finding["code"] for finding in site.report["refusals"]}
        site.write_inventory(**site.groups)
    assert site.update().exit_code == 0


def test_a_rank_that_had_joined_is_waited_for_though_it_may_be_missing(site: Site) -> None:
    server = site.lab.node("daos-server-02")
    with faults.ENGINE_NEVER_READY.on(server):
        done = site.update(timeouts=QUICK, accepted_exclusions=[0, 1, 2, 3])
    assert done.exit_code == 1, done.output
    assert "not every engine has joined" in done.output
    server.run("systemctl restart daos_server")
    assert site.update().exit_code == 0


def test_a_pool_that_is_destroyed_between_two_runs_is_not_waited_for(site: Site) -> None:
    """As long as nothing has been stopped, pools may come and go; what is remembered follows."""
    site.update_until("Starting operation: Stop daos_agent", site.kill)
    for node in site.lab.nodes.values():
        record = "/var/lib/daos-offline-update/window.json"
        node.run(f"""sed -i 's/"pools": {{/&"4b0e7e0e": "destroyed", /' {record}""")
        assert "destroyed" in node.run(f"cat {record}").stdout
    done = site.update()
    assert done.exit_code == 0, done.output
    assert site.report["outcome"] == "updated"


def test_the_oldest_series_is_refused(start_fresh_site: StartSite) -> None:
    site = start_fresh_site(nodes(1, 1, "el7", "el7"), version="1.2.0", seed=False)
    done = site.update()
    assert done.exit_code != 0
    [finding] = site.report["refusals"]
    assert finding["code"] == "no-update-path"
    assert "reformatted" in finding["message"]
    assert site.release == "1.2.0"
