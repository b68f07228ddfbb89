"""The whole update on the cluster that the shipped inventory describes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import pytest
import testinfra

from testbed.lab.harness import lab_nodes_from_inventory

from ..site import ROOT, Outcome, Site, StartSite, newest_run

SERVERS = [f"daos-server-0{number}" for number in range(1, 5)]
CLIENTS = [f"daos-client-0{number}" for number in range(1, 4)]
NODES = [*SERVERS, "daos-admin-01", *CLIENTS]


@pytest.fixture(scope="module")
def site(start_site: StartSite) -> Site:
    return start_site(lab_nodes_from_inventory(ROOT / "inventory"))


@pytest.fixture(scope="module")
def digests(site: Site) -> dict[str, str]:
    """The data before the update. An agent runs on the admin node too, as on many sites."""
    site.lab.node("daos-admin-01").run("systemctl start daos_agent")
    return site.lab.digests()


@dataclass(frozen=True)
class Update:
    """A run: what it printed, its report, and what the nodes say happened up to its end."""

    outcome: Outcome
    report: dict[str, Any]
    events: list[dict]
    log: str = ""


@pytest.fixture(scope="module")
def updated(site: Site, digests: dict[str, str]) -> Update:
    outcome = site.update()
    log = (newest_run(site.folder) / "run.log").read_text()
    return Update(outcome, site.report, site.lab.events(), log)


@pytest.fixture(scope="module")
def events(updated: Update) -> list[dict]:
    return updated.events


@pytest.fixture(scope="module")
def again(site: Site, updated: Update) -> Update:
    """The second run, with what happened in it alone."""
    before = len(site.lab.events())
    outcome = site.update()
    return Update(outcome, site.report, site.lab.events()[before:])


def test_it_succeeds_and_says_so(updated: Update) -> None:
    assert updated.outcome.exit_code == 0, updated.outcome.output
    assert "Updated from 2.0.1 to 2.0.3, offline for" in updated.outcome.output


def test_it_takes_a_line_a_step(updated: Update) -> None:
    """And all that pyinfra says, and how far it was when it waited, stands in run.log."""
    lines = updated.outcome.output.splitlines()
    steps = [line for line in lines if re.match(r" ?[0-9]+/18 ", line)]
    assert len(steps) == 18
    assert len(lines) <= len(steps) + 10, updated.outcome.output
    [packages] = [line for line in steps if "Update the DAOS packages" in line]
    assert "8 of 8 nodes" in packages
    assert "slowest daos-" in packages
    log = updated.log
    assert re.search(r"^20..-..-..T..:..:..\.[0-9]{3}Z INFO +8 of 8 engines stopped$", log, re.M)
    assert "8 of 8 engines joined" in log
    assert "Starting operation: Update the DAOS packages" in log
    assert all(line in log for line in steps)


Connect = Callable[[str], Any]


@pytest.fixture(scope="module")
def connect(site: Site) -> Connect:
    """Gives a node as testinfra sees it, over one connection."""
    config = str(site.lab.ssh_config)
    return cache(
        lambda name: testinfra.get_host(f"paramiko://{name}", ssh_config=config, sudo=True)
    )


@pytest.mark.parametrize("name", NODES)
def test_every_package_is_at_the_target(connect: Connect, updated: Update, name: str) -> None:
    node = connect(name)
    role = "daos-server" if name in SERVERS else "daos-client"
    for package in ("daos", role):
        assert node.package(package).version == "2.0.3"


@pytest.mark.parametrize("name", [*SERVERS, *CLIENTS])
def test_every_service_runs_and_starts_at_boot(
    connect: Connect, updated: Update, name: str
) -> None:
    service = connect(name).service("daos_server" if name in SERVERS else "daos_agent")
    assert service.is_running
    assert service.is_enabled


def test_the_data_is_the_same(site: Site, updated: Update, digests: dict[str, str]) -> None:
    assert len(digests) == 2
    assert site.lab.digests() == digests


def first(events: list[dict], program: str, event: str) -> str:
    return min(_times(events, program, event))


def last(events: list[dict], program: str, event: str) -> str:
    return max(_times(events, program, event))


def _times(events: list[dict], program: str, event: str) -> list[str]:
    return [e["time"] for e in events if (e["program"], e["event"]) == (program, event)]


def test_the_nodes_saw_the_steps_in_the_written_order(events: list[dict]) -> None:
    """From the nodes' own logs: agents, engines, servers, packages, servers, engines, agents."""
    begin = first(events, "daos_agent", "stop")
    assert len(_times(events, "daos_agent", "stop")) == len(CLIENTS) + 1
    window = [event for event in events if event["time"] >= begin]
    assert last(window, "daos_agent", "stop") < first(window, "daos_engine", "stop")
    assert last(window, "daos_engine", "stop") < first(window, "daos_server", "stop")
    assert last(window, "daos_server", "stop") < first(window, "rpm", "installed")
    assert last(window, "rpm", "installed") < first(window, "daos_server", "start")
    assert last(window, "daos_engine", "ready") < first(window, "daos_agent", "start")


def test_every_engine_was_prepared_before_it_stopped(events: list[dict]) -> None:
    stops = [e for e in events if (e["program"], e["event"]) == ("daos_engine", "stop")]
    assert len(stops) == 8
    assert all(stop["details"]["prepared"] for stop in stops)


def test_an_agent_on_an_admin_node_is_stopped_and_started_too(events: list[dict]) -> None:
    ours = [e for e in events if (e["host"], e["program"]) == ("daos-admin-01", "daos_agent")]
    assert [(e["event"], e["details"]["version"]) for e in ours] == [
        ("start", "2.0.1"),
        ("stop", "2.0.1"),
        ("start", "2.0.3"),
    ]


def test_no_pool_lost_a_target(site: Site, events: list[dict]) -> None:
    assert not _times(events, "daos_server", "pool-degraded")
    assert [pool["targets_disabled"] for pool in site.lab.pool_list()] == [0, 0]


def test_each_package_was_installed_once_a_node(events: list[dict]) -> None:
    installed = [
        (e["host"], e["details"]["package"])
        for e in events
        if e["event"] == "installed" and e["details"]["version"] == "2.0.3"
    ]
    assert len(installed) == len(set(installed)) == 2 * len(NODES)


def test_the_report_has_what_others_script_against(updated: Update) -> None:
    report = updated.report
    assert report["from_version"] == "2.0.1"
    assert report["to_version"] == "2.0.3"
    assert report["outcome"] == "updated"
    assert report["refusals"] == []
    assert set(report["hosts"]) == set(NODES)
    for host in report["hosts"].values():
        assert (host["version_before"], host["version_after"]) == ("2.0.1", "2.0.3")
    for phase in report["phases"]:
        assert {"name", "start", "end", "hosts", "changed"} <= set(phase)
        assert phase["start"] <= phase["end"]


def test_the_window_is_as_long_as_the_nodes_saw_it(updated: Update, events: list[dict]) -> None:
    begin = datetime.fromisoformat(first(events, "daos_agent", "stop"))
    end = datetime.fromisoformat(last(events, "daos_agent", "start"))
    seen = (end - begin).total_seconds()
    window = updated.report["offline_window_s"]
    assert seen <= window
    assert window < 2 * seen


def test_configuration_that_the_site_changed_is_kept_and_reported(updated: Update) -> None:
    server = updated.report["hosts"]["daos-server-01"]
    assert server["rpmnew"] == ["/etc/daos/daos_server.yml.rpmnew"]
    assert "daos_server.yml.rpmnew" in updated.outcome.output


def test_a_second_run_changes_nothing_and_says_so(again: Update) -> None:
    assert again.outcome.exit_code == 0, again.outcome.output
    assert "nothing was stopped, nothing was changed" in again.outcome.output
    assert again.report["outcome"] == "nothing to do"
    assert again.report["offline_window_s"] is None
    assert not any(phase["changed"] for phase in again.report["phases"])
    looking = {("dmg", "command"), ("daos", "command")}
    looking |= {("daos_server", "pool-connected"), ("daos_server", "pool-disconnected")}  # by daos
    looking |= {("lab", "command"), ("lab", "command-ended")}  # the command itself
    seen = {(event["program"], event["event"]) for event in again.events}
    assert seen <= looking, again.events
