"""Whether what came of a case is right: by the referee, the data, the state, and what was said."""

import hashlib
import signal
from collections.abc import Iterator, Mapping
from typing import Any

from testbed.referee.judge import judge
from testbed.simulation import faults
from testbed.simulation.cluster import Cluster
from testbed.simulation.node import AGENT, SERVER, Node
from testbed.simulation.process import Outcome

from .administrator import findings
from .cases import BACK, UPDATE, Case

_KILLED = 128 + signal.SIGKILL
_KEPT = "/var/lib/daos-offline-update"


def note_contents(cluster: Cluster) -> None:
    """Tell the referee which pools there are, and what is in them."""
    pools = cluster.management.system.pools.values()
    digests = {
        pool.label: hashlib.sha256("".join(sorted(pool.containers)).encode()).hexdigest()
        for pool in pools
    }
    cluster.note("contents", pools={pool.label: pool.uuid for pool in pools}, digests=digests)


def of_a_run(outcome: Outcome, report: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with what one run has said."""
    if outcome.exit_code == _KILLED:
        return
    if "Traceback" in outcome.output or "internal-error" in outcome.output:
        yield f"a fault of the tool itself: {_last(outcome.output)}"
    if "could not be made" in outcome.output:
        yield f"there is no page of it: {_last(outcome.output)}"
    ended = report.get("outcome")
    if ended in (None, "running"):
        yield f"it has exited with {outcome.exit_code}, and its report says {ended}"
    told = findings(report)
    if outcome.exit_code == 1 and not told:
        yield f"it failed, and does not say why: {_last(outcome.output)}"
    if outcome.exit_code == 0 and told:
        yield f"it exited with 0, and says {told[0]}"


def _last(output: str) -> str:
    return " / ".join(output.strip().splitlines()[-4:])


def is_an_end(report: Mapping[str, Any]) -> bool:
    """Whether a run has refused since there is nothing to do any more."""
    codes = {finding["code"] for finding in report.get("refusals", ())}
    return codes == {"nothing-to-roll-back"}


def of_the_end(case: Case, cluster: Cluster, done: str) -> Iterator[str]:
    """What is wrong in the end, when nothing goes wrong any more.

    + done: the procedure that has come to its end last; "" where none has changed anything
    """
    yield from of_the_state(cluster, case)
    before = {it.version for it in case.hosts}
    wanted = {UPDATE: {case.target}, BACK: before}.get(done, {case.target, *before})
    for node in cluster.nodes.values():
        if node.version not in wanted:
            yield f"{node.name} is at {node.version}, and should be at {', '.join(sorted(wanted))}"
    yield from of_the_rules(case, cluster)


def of_the_rules(case: Case, cluster: Cluster) -> Iterator[str]:
    """Which rules are broken, and not by what somebody else has done."""
    by_others = {rule for it in case.faults for rule in faults.broken_by(it)}
    for verdict in judge(cluster.events):
        if verdict.state == "broken" and verdict.rule not in by_others:
            yield f"{verdict.rule} {verdict.name}: {'; '.join(verdict.sentences)}"


def of_the_state(cluster: Cluster, case: Case) -> Iterator[str]:
    """What is not as it should be while DAOS serves and nothing is under way."""
    enabled = {it.name: it.enabled for it in case.hosts}
    for node in cluster.nodes.values():
        yield from _of_a_node(node, enabled[node.name])
    system = cluster.management.system
    lost = [rank for rank, member in system.members.items() if member.state != "joined"]
    if lost:
        yield f"ranks {lost} have not joined"
    for pool in system.pools.values():
        if pool.disabled:
            yield f"pool {pool.label} has ranks {pool.disabled} disabled"


def _of_a_node(node: Node, enabled: bool) -> Iterator[str]:
    builds = {build for found in node.packages.values() for build in found}
    if len(builds) != 1:
        yield f"{node.name} has {', '.join(sorted(builds))}"
    for name, role in ((SERVER, "servers"), (AGENT, "clients")):
        unit = node.units[name]
        if role in node.roles and not (unit.enabled is enabled and unit.main_pid):
            yield f"{node.name}: {name} is not as it was"
        if role in node.roles and unit.main_pid and unit.daemon.build not in builds:
            yield f"{node.name}: {name} runs {unit.daemon.build}"
    kept = node.files.below(f"{_KEPT}/")
    if kept or node.lock:
        yield f"{node.name} still remembers something: {', '.join(kept)}"
