"""Units of a simulated node: starts, stops, deaths, boots, as testbed/node/service.py has them."""

import pytest

from testbed.simulation import build
from testbed.simulation.cluster import Cluster
from testbed.simulation.hand import typed
from testbed.simulation.node import AGENT, SERVER, Node
from testbed.simulation.systemd import Unit

RESTART = 10.0  # seconds, RestartSec= of both units
STARTING, STARTED = "systemd unit-starting", "systemd unit-started"
STOPPING, STOPPED, FAILED = "systemd unit-stopping", "systemd unit-stopped", "systemd unit-failed"


@pytest.fixture
def cluster() -> Cluster:
    made = build.simple(1, 1, 1)
    made.events.clear()
    return made


@pytest.fixture
def agent(cluster: Cluster) -> Unit:
    return cluster.nodes["daos-client-01"].units[AGENT]


@pytest.fixture
def server(cluster: Cluster) -> Node:
    return cluster.nodes["daos-server-01"]


def happened(cluster: Cluster, *programs: str) -> list[str]:
    """What systemd, and these programs, have told."""
    kinds = {"systemd", *programs}
    return [f"{it['program']} {it['event']}" for it in cluster.events if it["program"] in kinds]


def test_an_agent_is_ready_when_it_says_so_and_a_server_at_once(
    cluster: Cluster, agent: Unit, server: Node
) -> None:
    """Type=notify, and Type=simple: there the daemon begins when it is started already."""
    for unit in (agent, server.units[SERVER]):
        unit.stop()
    cluster.clock.pass_by(1)
    cluster.events.clear()
    agent.start()
    assert agent.state == "activating"
    cluster.clock.pass_by(1)
    assert happened(cluster, "daos_agent") == [STARTING, "daos_agent start", STARTED]
    cluster.events.clear()
    server.units[SERVER].start()
    assert happened(cluster, "daos_server")[:3] == [STARTING, STARTED, "daos_server start"]


def test_who_is_killed_is_started_again_after_a_while(cluster: Cluster, agent: Unit) -> None:
    first = agent.main_pid
    agent.dies()
    assert (agent.state, agent.main_pid) == ("activating", 0)
    cluster.clock.pass_by(RESTART - 0.1)
    assert happened(cluster) == [FAILED]
    cluster.clock.pass_by(1)
    assert happened(cluster) == [FAILED, STARTING, STARTED]
    assert agent.state == "active"
    assert agent.main_pid not in (0, first)


def test_a_stop_ends_the_wait_for_the_next_start(cluster: Cluster, agent: Unit) -> None:
    agent.dies()
    agent.stop()
    assert agent.state == "inactive"
    cluster.clock.pass_by(2 * RESTART)
    assert happened(cluster) == [FAILED]


def test_a_start_by_hand_does_not_wait_for_the_next_start(cluster: Cluster, agent: Unit) -> None:
    agent.dies()
    agent.start()
    cluster.clock.pass_by(2 * RESTART)
    assert happened(cluster) == [FAILED, STARTING, STARTED]


def test_a_stop_is_in_order_and_is_not_undone(cluster: Cluster, agent: Unit) -> None:
    node = cluster.nodes["daos-client-01"]
    assert typed(node, f"systemctl stop {AGENT}").code == 0
    cluster.clock.pass_by(2 * RESTART)
    assert happened(cluster, "daos_agent") == [STOPPING, "daos_agent stop", STOPPED]
    assert (agent.state, agent.main_pid) == ("inactive", 0)


def test_an_engine_that_stops_slowly_keeps_its_server(cluster: Cluster, server: Node) -> None:
    server.tell("stop_delay", 5.0)
    server.units[SERVER].stop()
    cluster.clock.pass_by(4.9)
    assert server.units[SERVER].state == "deactivating"
    cluster.clock.pass_by(1)
    assert server.units[SERVER].state == "inactive"


def test_a_start_waits_for_the_end_of_a_stop(cluster: Cluster, server: Node) -> None:
    """Nothing of what is being stopped is left, as after any stop."""
    server.tell("stop_delay", 5.0)
    unit, before = server.units[SERVER], server.server.engines[0].pid
    unit.stop()
    cluster.clock.pass_by(1)
    unit.start()
    assert unit.state == "deactivating"
    cluster.clock.pass_by(10)
    assert unit.state == "active"
    assert server.server.engines[0].pid not in (0, before)
    assert happened(cluster) == [STOPPING, STOPPED, STARTING, STARTED]


def test_a_stop_takes_back_a_start_that_waits(cluster: Cluster, server: Node) -> None:
    server.tell("stop_delay", 5.0)
    unit = server.units[SERVER]
    unit.stop()
    unit.start()
    unit.stop()
    cluster.clock.pass_by(10)
    assert unit.state == "inactive"


def test_a_boot_starts_what_is_enabled_and_not_masked(cluster: Cluster, server: Node) -> None:
    for verb, runs in (("enable", True), ("disable", False), ("enable", True), ("mask", False)):
        typed(server, f"systemctl {verb} {SERVER}")
        server.restart()
        cluster.clock.pass_by(60)
        assert (server.units[SERVER].state == "active") == runs, verb


def test_a_node_that_is_shut_down_stops_its_units_and_one_without_power_says_nothing(
    cluster: Cluster, server: Node
) -> None:
    server.stop()
    of_unit = ["systemd shutdown", STOPPING, "daos_server stop", STOPPED]
    assert happened(cluster, "daos_server")[:4] == of_unit
    server.start()
    cluster.clock.pass_by(60)
    cluster.events.clear()
    server.kill()
    assert happened(cluster, "daos_engine") == []
    assert server.units[SERVER].main_pid == 0


def test_no_unit_is_started_while_its_node_is_off(cluster: Cluster, server: Node) -> None:
    server.units[SERVER].dies()
    server.kill()
    cluster.events.clear()
    cluster.clock.pass_by(2 * RESTART)
    assert happened(cluster) == []
