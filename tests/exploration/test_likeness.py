"""Clusters are alike whatever the time and the numbers of processes are, and in nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from testbed.exploration import likeness
from testbed.simulation import build
from testbed.simulation.cluster import Cluster
from testbed.simulation.node import AGENT, SERVER, Lock

_SERVER, _CLIENT = "daos-server-01", "daos-client-01"
Change = Callable[[Cluster], object]


def _restarts(cluster: Cluster) -> None:
    unit = cluster.nodes[_CLIENT].units[AGENT]
    unit.stop()
    cluster.clock.pass_by(60.0)
    unit.start()
    cluster.clock.pass_by(60.0)


def _writes_the_time(cluster: Cluster) -> None:
    node = cluster.nodes[_CLIENT]
    node.files.write("/var/log/x", f"{cluster.clock.at():%Y-%m-%dT%H:%M:%SZ} it began\n")
    node.files.sync()


SAME: dict[str, Change] = {
    "time passes": lambda cluster: cluster.clock.pass_by(1000.0),
    "an agent is another process": _restarts,
}
OTHER: dict[str, Change] = {
    "a unit is disabled": lambda it: setattr(it.nodes[_SERVER].units[SERVER], "enabled", False),
    "a unit is stopped": lambda it: it.nodes[_CLIENT].units[AGENT].stop(),
    "a package is another one": lambda it: it.nodes[_SERVER].packages.update(daos=["2.0.2-1.el8"]),
    "a transaction was cut": lambda it: it.nodes[_SERVER].packages["daos"].append("2.0.3-1.el8"),
    "a file is there": lambda it: it.nodes[_SERVER].files.write("/var/lib/x", "1"),
    "a disk is full": lambda it: it.nodes[_SERVER].files.full.add("/var/"),
    "a node is off": lambda it: it.nodes[_SERVER].kill(),
    "a node hangs": lambda it: it.nodes[_SERVER].hang(),
    "a pool is open": lambda it: it.nodes[_CLIENT].open(next(iter(it.management.system.pools))),
    "a rank is stopped": lambda it: it.management.system.stopped(0, True, ""),
    "somebody holds the lock": lambda it: setattr(it.nodes[_CLIENT], "lock", Lock("he", 7, 1)),
    "something is about to happen": lambda it: it.clock.later(5.0, it.nodes[_SERVER].kill),
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_clusters_are_alike_though(change: Change) -> None:
    one, other = build.simple(), build.simple()
    change(other)
    assert likeness.of(one) == likeness.of(other)


@pytest.mark.parametrize("change", OTHER.values(), ids=OTHER)
def test_clusters_are_not_alike_where(change: Change) -> None:
    one, other = build.simple(), build.simple()
    change(other)
    assert likeness.of(one) != likeness.of(other)


def test_it_does_not_matter_when_something_was_written() -> None:
    one, other = build.simple(), build.simple()
    other.clock.pass_by(100.0)
    for cluster in (one, other):
        _writes_the_time(cluster)
    assert likeness.of(one) == likeness.of(other)


def test_it_matters_what_the_referee_has_seen_so_far() -> None:
    one, other = build.simple(), build.simple()
    for cluster, pools in ((one, {"tank": "a"}), (other, {"tank": "b"})):
        cluster.note("contents", pools={"tank": "a"}, digests={"tank": "x"})
        cluster.note("contents", pools=pools, digests={"tank": "x"})
    assert likeness.of(one) != likeness.of(other)
