"""The process that has a simulated cluster and does with it what it is told, line by line.

`python simulated.py FOLDER`: a request is a line of JSON, [what, arguments], and so is its answer.
pyinfra is typed in the folder. It is a process of its own, since pyinfra's gevent is.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
sys.path[0] = str(ROOT)

from testbed import faults  # noqa: E402
from testbed.simulation import build, process  # noqa: E402
from testbed.simulation.cluster import Cluster  # noqa: E402
from testbed.simulation.hand import typed  # noqa: E402
from testbed.simulation.node import Node  # noqa: E402
from testbed.simulation.shell import Unknown  # noqa: E402
from tests.lab.conformance.recording import record  # noqa: E402

_SPDK = ("21.07-8", "21.07-11")  # see tests/lab/published.py
_GIVEN_UP = 124  # the exit code, as of timeout(1)


class Simulated:
    """A simulated cluster, and what can be done with it by a name and plain data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows = folder / "rows"
        self._cluster: Cluster
        process.load()
        record(self._rows)

    def cluster(self, nodes: list[dict[str, Any]], more: dict[str, Any]) -> None:
        """Make the cluster.

        + nodes: of each the arguments of `simulation.node.Node`
        + more: arguments of `build.cluster`
        """
        self._cluster = build.cluster((Node(**node) for node in nodes), **more)
        for node in self._cluster.nodes.values():
            node.packages["spdk-tools"] = [_SPDK[0]]
            self._cluster.publish(node.flavour.name, {"spdk-tools": _SPDK})

    def typed(self, *words: str) -> dict[str, Any]:
        """Type `pyinfra inventory WORDS`."""
        self._rows.write_text("")
        outcome = process.pyinfra(self._cluster, self._folder, *words)
        self._cluster = outcome.cluster
        rows = [json.loads(line) for line in self._rows.read_text().splitlines()]
        return {"exit_code": outcome.exit_code, "output": outcome.output, "rows": rows}

    def ask(self, host: str, line: str, patience: float) -> list[Any]:
        """Run a command on a node and wait for its end: exit code, output, errors.

        + patience: seconds until it is given up
        """
        try:
            return list(typed(self._cluster.nodes[host], line, patience))
        except TimeoutError:
            return [_GIVEN_UP, "", ""]
        except Unknown as problem:
            return [-1, "", f"unknown: {problem}"]

    def begin(self, host: str, line: str) -> None:
        """Run a command on a node, and do not wait for its end."""
        self._cluster.nodes[host].run(line)

    def plant(self, fault: str, host: str, how: dict[str, Any]) -> None:
        """Plant a fault of the catalogue."""
        getattr(faults, fault).plant(self._cluster.nodes[host], **how)

    def mend(self, fault: str, host: str, how: dict[str, Any]) -> None:
        """Take it back."""
        getattr(faults, fault).mend(self._cluster.nodes[host], **how)

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self._cluster.clock.pass_by(seconds)

    def hold(self, host: str, pool: str) -> None:
        """Have a job open a pool on a client."""
        uuid = self._cluster.management.system.pool(pool).uuid
        job = self._cluster.nodes[host].open(uuid)
        job.name, job.uid = "daos-job", 0

    def let_go(self, host: str) -> None:
        """End such jobs."""
        node = self._cluster.nodes[host]
        for application in node.applications[:]:
            node.close(application)

    def kill_package_manager(self, host: str) -> None:
        """Kill whatever changes packages there."""
        self._cluster.nodes[host].transaction.dies()

    def fill(self, host: str, folder: str) -> None:
        """Nothing can be written to a folder."""
        self._cluster.nodes[host].files.full.add(folder)

    def empty(self, host: str, folder: str) -> None:
        """It can be again."""
        self._cluster.nodes[host].files.full.discard(folder)

    def reintegrate(self) -> None:
        """Bring ranks that have joined again back into all pools."""
        management = self._cluster.management
        for pool in management.system.pools.values():
            for rank in list(pool.disabled):
                management.reintegrate(pool.uuid, rank)

    def pools(self) -> list[str]:
        """The UUIDs of the pools."""
        return list(self._cluster.management.system.pools)

    def addresses(self) -> dict[str, str]:
        """The address of each node."""
        return {node.name: node.address for node in self._cluster.nodes.values()}

    def events(self) -> list[dict[str, Any]]:
        """What happened."""
        return self._cluster.events


def main() -> None:
    """Answer until nobody asks any more; what a command itself prints goes to stderr."""
    here = Simulated(Path(sys.argv[1]))
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        what, *given = json.loads(line)
        try:
            answer = {"answer": getattr(here, what)(*given)}
        except Exception:
            answer = {"problem": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
