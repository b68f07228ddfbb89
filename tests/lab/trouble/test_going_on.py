"""Going on after an interruption: the report of the last run knows what the first part knew."""

from __future__ import annotations

from datetime import datetime

from ..site import DAOS_ALONE, Site, StartSite, newest_run, nodes
from .interruptions import HANGING_UP, KILLED, at

RPMNEW = "/etc/daos/daos_server.yml.rpmnew"


def test_the_nodes_tell_what_the_first_part_knew(start_fresh_site: StartSite) -> None:
    """A first coordinator is gone with all that it wrote; a second one is killed at the end."""
    site = start_fresh_site(nodes(servers=2, clients=1))
    site.settings.update(DAOS_ALONE, planned_window_s=3600)
    first = at("Start daos_server on the servers", HANGING_UP)
    assert first.run(site).exit_code == first.code
    report = site.report
    assert report["hosts"]["daos-server-01"]["rpmnew"] == [RPMNEW]
    assert report["state"][0].startswith("Parts of DAOS are stopped since")
    began = report["update_began"]
    (site.folder / "runs").rename(site.folder / "elsewhere")

    killed = at("Let DAOS start at boot where it did before", KILLED)
    assert killed.run(site).exit_code == killed.code
    second = newest_run(site.folder)
    assert site.report["outcome"] == "running"

    done = site.update()
    assert done.exit_code == 0, done.output
    report = site.report
    assert report["outcome"] == "updated"
    assert (report["from_version"], report["to_version"]) == ("2.0.1", "2.0.3")
    assert report["hosts"]["daos-server-01"]["version_before"] == "2.0.1"
    assert report["hosts"]["daos-server-01"]["rpmnew"] == [RPMNEW]
    assert report["update_began"] == began
    assert [run["run"] for run in report["earlier_runs"]] == [second.name]
    assert report["earlier_runs"][0]["outcome"] == "killed"
    assert _seen(site) <= report["offline_window_s"] < _seen(site) + 5
    _tells_the_morning_after(report)


def test_the_containers_are_counted_before_and_after(start_fresh_site: StartSite) -> None:
    site = start_fresh_site(nodes(servers=1, clients=1))
    site.settings.update(DAOS_ALONE)
    site.begin_anew()  # the lab itself has made containers
    dry = site.pyinfra("deploy.py", "--dry")
    assert dry.exit_code == 0, dry.output
    assert not [event for event in site.events() if event["program"] == "daos"]
    assert site.update().exit_code == 0
    pools = {pool["label"]: pool["containers"] for pool in site.report["pools"]}
    assert pools == {
        "tank": {"before": 1, "after": 1},
        "scratch": {"before": 1, "after": 1},
    }


def _seen(site: Site) -> float:
    """The length of the window as the nodes' systemd saw it, in seconds.

    An agent has begun a moment before it says so by itself.
    """
    of_agents = [e for e in site.events() if e["details"].get("unit") == "daos_agent.service"]
    stops = [e["time"] for e in of_agents if e["event"] == "unit-stopping"]
    starts = [e["time"] for e in of_agents if e["event"] == "unit-starting"]
    begin, end = datetime.fromisoformat(stops[0]), datetime.fromisoformat(starts[-1])
    return (end - begin).total_seconds()


def _tells_the_morning_after(report: dict) -> None:
    assert report["system"] == "daos_server"
    assert report["planned_window_s"] == 3600
    assert report["typed_by"]["user"]
    assert "deploy.py -y" in report["command"]
    assert {(rank["before"], rank["after"]) for rank in report["ranks"]} == {("joined", "joined")}
    assert {rank["host"] for rank in report["ranks"]} == {"daos-server-01", "daos-server-02"}
    assert all(pool["bytes"] and pool["after"]["disabled"] == 0 for pool in report["pools"])
    assert report["pools"]
