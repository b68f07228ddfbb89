"""What an administrator does between two runs: what the last one has said, and nothing else.

What lasts of a fault ends, as somebody repairs the node. Then each finding of the report has him
do what it tells to do.
"""

from collections.abc import Callable, Mapping
from typing import Any

from testbed.sim.model import Refused
from testbed.simulation.cluster import Cluster
from testbed.simulation.node import SERVER, Node

_BOOTS = 120.0  # seconds until nodes are back that got their power again
Finding = Mapping[str, Any]


def repair(cluster: Cluster) -> None:
    """Whatever was broken from outside is repaired: power, disks, networks, programs."""
    for node in cluster.nodes.values():
        node.hang(False)
        node.files.full.clear()
        node.forget_faults()
        if not node.up:
            node.start()
    cluster.clock.pass_by(_BOOTS)


def act(cluster: Cluster, report: Mapping[str, Any]) -> list[str]:
    """Do what the findings of a report tell to do; what that was, in words."""
    done = []
    for finding in (*report.get("refusals", ()), *report.get("failures", ())):
        do = _TO_DO.get(finding["code"])
        if do:
            done += do(cluster, finding)
    if done:
        cluster.clock.pass_by(30.0)
    return list(dict.fromkeys(done))


def _ends_users(cluster: Cluster, finding: Finding) -> list[str]:
    found = [(node, it) for node in cluster.nodes.values() for it in node.applications]
    for node, application in found:
        node.close(application)
    return [f"end process {it.pid} on {node.name}" for node, it in found]


def _reintegrates(cluster: Cluster, finding: Finding) -> list[str]:
    """`dmg pool reintegrate`, where the engine is back."""
    management, done = cluster.management, []
    for pool in management.system.pools.values():
        for rank in list(pool.disabled):
            try:
                management.reintegrate(pool.uuid, rank)
            except Refused:
                continue
            done.append(f"dmg pool reintegrate --rank={rank} {pool.label}")
    return done


def _starts_engines(cluster: Cluster, finding: Finding) -> list[str]:
    """An engine that is gone is started by its daos_server: `systemctl restart daos_server`."""
    done = []
    for node in cluster.servers:
        dead = [it for it in node.server.engines if not it.pid]
        if dead and node.units[SERVER].state == "active":
            node.run(f"systemctl restart {SERVER}")
            done.append(f"systemctl restart {SERVER} on {node.name}")
    cluster.clock.pass_by(30.0)
    return done + _reintegrates(cluster, finding)


def _stops_what_it_names(cluster: Cluster, finding: Finding) -> list[str]:
    """A daemon that somebody has started in the window is stopped."""
    done = []
    for node in _named(cluster, finding):
        for name, unit in node.units.items():
            if unit.main_pid and f"systemctl stop {name.removesuffix('.service')}" in finding["message"]:
                node.run(f"systemctl stop {name}")
                done.append(f"systemctl stop {name} on {node.name}")
    return done


def _named(cluster: Cluster, finding: Finding) -> list[Node]:
    return [cluster.nodes[name] for name in finding.get("hosts", ()) if name in cluster.nodes]


_TO_DO: dict[str, Callable[[Cluster, Finding], list[str]]] = {}
