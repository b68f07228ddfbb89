"""How many commands an update sends to a node, counted in the simulation."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Calls:
    """Commands that were sent to the nodes of one kind.

    + role: of the nodes
    + window: between the first agent that stops and the last one that starts; the median
    + whole: in the whole run; the median
    + most: in the whole run, to the one that got the most
    """

    role: str
    window: float
    whole: float
    most: int


def measured(servers: int, admins: int, clients: int) -> list[Calls]:
    """The commands of an update that nothing disturbs, in a process of its own.

    pyinfra has to be the first there that makes connections.
    """
    words = [sys.executable, "-m", "bench.window.calls", *map(str, (servers, admins, clients))]
    done = subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return [Calls(**it) for it in json.loads(done.stdout)]


def _counted(servers: int, admins: int, clients: int) -> list[Calls]:
    from testbed.exploration.cases import ROLES, Case, simple
    from testbed.exploration.play import Site, play
    from testbed.simulation.faults import Sent

    hosts = simple(servers, admins, clients)
    [run] = play(Case(hosts), Site(ROOT)).runs
    sent: list[Sent] = run.told[1]
    agents = [number for number, it in enumerate(sent) if "daos_agent.service" in it.line]
    stops = (number for number in agents if sent[number].line.startswith("systemctl stop"))
    starts = (number for number in agents if " start daos_agent" in sent[number].line)
    first, last = min(stops), max(starts)
    whole = Counter(it.node for it in sent)
    inside = Counter(it.node for it in sent[first : last + 1])
    names = {role: [it.name for it in hosts if role in it.roles] for role in ROLES}
    return [
        Calls(
            role,
            statistics.median(inside[it] for it in found),
            statistics.median(whole[it] for it in found),
            max(whole[it] for it in found),
        )
        for role, found in names.items()
    ]


if __name__ == "__main__":
    print(json.dumps([asdict(it) for it in _counted(*map(int, sys.argv[1:]))]))
