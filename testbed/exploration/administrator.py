"""What an administrator does between two runs: what the last one has said, and nothing else.

What lasts of a fault ends, as somebody repairs the node. Then he reads the findings of the report,
and does what their words tell him to. What no word tells does not happen.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ClusterShell.NodeSet import NodeSet

from testbed.sim.model import Refused
from testbed.simulation.cluster import Cluster
from testbed.simulation.node import AGENT, SERVER, Node

from .cases import BACK, UPDATE

_BOOTS = 120.0  # seconds until nodes are back that got their power again
_WORKS = 30.0  # seconds that what he does takes
_NAMES = re.compile(r"[\w-]+(?:\[[\d,-]+\])?")
# No finding, since a site may want it so; whoever wants that agent to run does what it says.
_NOTED = re.compile(r"^daos_agent does not run on .*$", re.M)
Finding = Mapping[str, Any]
Do = Callable[[Cluster, Finding], Iterator[str]]


def repair(cluster: Cluster) -> None:
    """Whatever was broken from outside is repaired: power, disks, networks, programs."""
    off = [node for node in cluster.nodes.values() if not node.up]
    for node in cluster.nodes.values():
        node.hang(False)
        node.files.full.clear()
        node.forget_faults()
    for node in off:
        node.start()
    if off:
        cluster.clock.pass_by(_BOOTS)


def findings(report: Mapping[str, Any]) -> list[Finding]:
    """The findings of a report."""
    return [*report.get("refusals", ()), *report.get("failures", ())]


def act(cluster: Cluster, report: Mapping[str, Any], output: str = "") -> list[str]:
    """Do what the findings of a report tell to do; what that was, in words.

    + output: what the run has said, of which some is no finding, and tells something as well
    """
    done: list[str] = []
    noted = [{"message": line} for line in _NOTED.findall(output)]
    for finding in [*findings(report), *noted]:
        for words, do in _TO_DO:
            if re.search(words, finding["message"]):
                done += do(cluster, finding)
                cluster.clock.pass_by(_WORKS)
    return list(dict.fromkeys(done))


def types(procedure: str, report: Mapping[str, Any]) -> str:
    """What he types next, where the last run has told him to type something else."""
    told = " ".join(finding["message"] for finding in findings(report))
    if procedure == BACK and f"pyinfra inventory {UPDATE}" in told:
        return UPDATE
    return procedure


def _ends_users(cluster: Cluster, finding: Finding) -> Iterator[str]:
    for node in cluster.nodes.values():
        for application in node.applications[:]:
            node.close(application)
            yield f"ends process {application.pid} on {node.name}"


def _kills(cluster: Cluster, finding: Finding) -> Iterator[str]:
    """`kill PID`, on the nodes that the finding names."""
    for pid in re.findall(r"`kill (\d+)`", finding["message"]):
        for node in _named(cluster, finding):
            node.run(f"kill {pid}")
            yield f"kill {pid} on {node.name}"


def _reintegrates(cluster: Cluster, finding: Finding) -> Iterator[str]:
    management = cluster.management
    for pool in management.system.pools.values():
        for rank in list(pool.disabled):
            try:
                management.reintegrate(pool.uuid, rank)
            except Refused:
                continue
            yield f"dmg pool reintegrate --rank={rank} {pool.label}"


def _starts_ranks(cluster: Cluster, finding: Finding) -> Iterator[str]:
    if cluster.management.leader:
        cluster.management.start()
        yield "dmg system start"


def _stops_ranks(cluster: Cluster, finding: Finding) -> Iterator[str]:
    if cluster.management.leader:
        cluster.management.stop()
        yield "dmg system stop"


def _stops_in_order(cluster: Cluster, finding: Finding) -> Iterator[str]:
    yield from _stops_units(cluster, AGENT)
    if cluster.management.leader:
        cluster.management.stop()
        yield "dmg system stop"
        cluster.clock.pass_by(_WORKS)
    yield from _stops_units(cluster, SERVER)


def _stops_units(cluster: Cluster, name: str) -> Iterator[str]:
    for node in cluster.nodes.values():
        if node.units[name].main_pid:
            node.run(f"systemctl stop {name}")
            yield f"systemctl stop {name} on {node.name}"
    cluster.clock.pass_by(_WORKS)


def _starts_anew(cluster: Cluster, finding: Finding) -> Iterator[str]:
    """`dmg system stop` and `dmg system start` of the ranks that are excluded or did not join."""
    for rank in cluster.management.restart_left():
        yield f"dmg system stop and start --ranks={rank}"


def _restarts_server(cluster: Cluster, finding: Finding) -> Iterator[str]:
    """An engine that has ended is started by its daos_server alone."""
    for node in _named(cluster, finding):
        unit = node.units[SERVER]
        if unit.state == "active" and any(not it.pid for it in node.server.engines):
            unit.stop()
            cluster.clock.pass_by(1.0)
            unit.start()
            yield f"systemctl restart {SERVER} on {node.name}"


def _does_with_unit(cluster: Cluster, finding: Finding) -> Iterator[str]:
    """`systemctl VERB UNIT`, on the nodes that the finding names."""
    for verb, name in re.findall(
        r"`?systemctl (stop|start|enable|disable) ([\w.-]+)", finding["message"]
    ):
        unit = name if "." in name else f"{name}.service"
        for node in _named(cluster, finding):
            if unit in node.units and node.units[unit].installed:
                node.run(f"systemctl {verb} {unit}")
                yield f"systemctl {verb} {unit} on {node.name}"


def _named(cluster: Cluster, finding: Finding) -> list[Node]:
    """The nodes of a finding, and those that its words name."""
    words = set(finding.get("hosts", ()))
    for word in _NAMES.findall(finding["message"]):  # "daos-server-[02-04,07]" for several
        words.update(NodeSet(word) if "[" in word else (word,))
    return [node for name, node in cluster.nodes.items() if name in words]


# What stands in a message, and what is done then.
_TO_DO: tuple[tuple[str, Do], ...] = (
    (r"(?i)stop daos in (this )?order", _stops_in_order),
    (r"`kill", _kills),
    (r"end (it|them|what|the)|evict_connections", _ends_users),
    (r"run `dmg system stop`", _stops_ranks),
    (r"start its engine anew", _starts_anew),
    (r"`dmg system start`", _starts_ranks),
    (r"journalctl|what the log says|dmg system query", _restarts_server),
    (r"reintegrate", _reintegrates),
    (r"(?i)(type|run|:) `systemctl", _does_with_unit),
)
