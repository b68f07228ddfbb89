"""Who uses DAOS, said such that somebody reads it: a few nodes each, many by users."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from operations.daos.node import Node, Process
from operations.rules import in_use

from ..fake_nodes import CLIENT


def uses(count: int, user: str, job: str = "", **more: Any) -> Node:
    processes = tuple(Process(1000 + n, user, "solver", 7, "", job) for n in range(count))
    return replace(CLIENT, processes=processes, **more)


def test_nobody_uses_it() -> None:
    assert in_use.findings({"c1": CLIENT}) == []


def test_a_few_nodes_are_told_one_by_one() -> None:
    nodes = {f"c{number}": uses(1, "alice") for number in range(3)}
    found = in_use.findings(nodes)
    assert [finding.hosts for finding in found] == [("c0",), ("c1",), ("c2",)]
    assert "solver (pid 1000, user alice, uid 7): end the jobs" in found[0].message


def test_of_316_clients_it_is_one_finding_with_a_count_and_the_users() -> None:
    nodes = {f"c{number:03}": uses(2, "alice", job="77") for number in range(300)}
    nodes |= {f"c{number:03}": uses(1, "bob", mounts=("/mnt/d",)) for number in range(300, 316)}
    [finding] = in_use.findings(nodes)
    assert len(finding.hosts) == 316
    assert finding.message.startswith(
        "DAOS is used 632 times on 316 nodes: 600 processes of alice on c[000-299] "
        "(solver, Slurm job 77), 16 processes of bob on c[300-315] (solver), "
        "dfuse mounted at /mnt/d on c[300-315]: end the jobs and unmount"
    )


def test_whoever_has_no_name_there_is_told_by_number() -> None:
    nodes = {f"c{number}": uses(1, "") for number in range(4)}
    [finding] = in_use.findings(nodes)
    assert "4 processes of uid 7 on c[0-3] (solver)" in finding.message
