"""The two that have to be alike: a lab of containers, and a simulated cluster."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from testbed import faults

from ..site import ROOT, Site
from ..usage import hold, let_go, members

_HERE = Path(__file__).parent
LINKED = ("deploy.py", "deploys", "config.py", "operations", "group_data")
Row = tuple[str, str, bool, str, str]


@dataclass(frozen=True)
class Answer:
    """What a command gave."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Run:
    """A procedure that has ended.

    + rows: each command that went to a node: the node, the command, whether it went well, answers
    """

    exit_code: int
    output: str
    rows: tuple[Row, ...]


class Front(Protocol):
    """A cluster, and what can be done with it."""

    name: str

    def typed(self, *words: str) -> Run:
        """Type `pyinfra inventory WORDS`."""

    def ask(self, host: str, line: str) -> Answer:
        """Run a command on a node, as root."""

    def begin(self, host: str, line: str) -> None:
        """Run a command on a node, and do not wait for its end."""

    def plant(self, fault: str, host: str, **how: Any) -> None:
        """Plant a fault, by its name in testbed/faults.py."""

    def mend(self, fault: str, host: str, **how: Any) -> None:
        """Take it back."""

    def hold(self, host: str, pool: str) -> None:
        """Have a job open a pool on a client."""

    def let_go(self, host: str) -> None:
        """End such jobs."""

    def addresses(self) -> dict[str, str]:
        """The address of each node."""

    def events(self) -> list[dict[str, Any]]:
        """What happened."""


class OfContainers:
    """A lab."""

    name = "lab"

    def __init__(self, site: Site) -> None:
        self._site = site
        self._rows = site.folder / "rows"

    def pools(self) -> list[str]:
        """The UUIDs of its pools."""
        return [pool["uuid"] for pool in self._site.lab.pool_list()]

    def typed(self, *words: str) -> Run:
        self._rows.write_text("")
        command = self._site.command(words, {})
        done = subprocess.run(
            [sys.executable, _HERE / "recording.py", self._rows, *command[1:]],
            cwd=self._site.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
        )  # fmt: skip
        rows = map(json.loads, self._rows.read_text().splitlines())
        return Run(done.returncode, done.stdout, tuple(map(tuple, rows)))

    def ask(self, host: str, line: str) -> Answer:
        done = self._site.lab.node(host).run(f"sh -c {shlex.quote(line)}", check=False)
        return Answer(done.exit_code, done.stdout, done.stderr)

    def begin(self, host: str, line: str) -> None:
        quoted = shlex.quote(line)
        self._site.lab.node(host).run(f"setsid sh -c {quoted} > /dev/null 2>&1 < /dev/null &")

    def plant(self, fault: str, host: str, **how: Any) -> None:
        getattr(faults, fault).plant(self._site.lab.node(host), **how)

    def mend(self, fault: str, host: str, **how: Any) -> None:
        getattr(faults, fault).mend(self._site.lab.node(host), **how)

    def hold(self, host: str, pool: str) -> None:
        hold(self._site.lab.node(host), pool)

    def let_go(self, host: str) -> None:
        let_go(self._site.lab.node(host))

    def addresses(self) -> dict[str, str]:
        nodes = self._site.lab.nodes.values()
        return {node.name: node.run("hostname -I").stdout.split()[0] for node in nodes}

    def events(self) -> list[dict[str, Any]]:
        return self._site.lab.events()


def _ranks(site: Site) -> dict[str, list[int]]:
    """The ranks of each server: which one gets which is left to chance."""
    found: dict[str, list[int]] = {}
    for member in members(site.lab.having("admins")[0]):
        found.setdefault(member["fault_domain"].lstrip("/"), []).append(member["rank"])
    return found


class OfVirtualNodes:
    """A simulated cluster with the nodes and the pools of a lab.

    + folder: where procedures are typed; is there, and empty
    """

    name = "simulation"

    def __init__(self, folder: Path, like: Site) -> None:
        for name in LINKED:
            (folder / name).symlink_to(ROOT / name)
        self._process = subprocess.Popen(
            [sys.executable, _HERE / "simulated.py", folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        nodes = [
            {"name": it.name, "roles": sorted(it.roles), "flavour": it.flavour, "engines": 2}
            for it in like.lab.specs
        ]
        pools = {pool["label"]: pool["uuid"] for pool in like.lab.pool_list()}
        more = {"pools": {name: pools[name] for name in like.lab.pools}, "ranks": _ranks(like)}
        self._do("cluster", nodes, more)

    def _do(self, what: str, *given: Any) -> Any:
        assert self._process.stdin and self._process.stdout
        print(json.dumps([what, *given]), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        assert "problem" not in answer, answer["problem"]
        return answer["answer"]

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def typed(self, *words: str) -> Run:
        done = self._do("typed", *words)
        return Run(done["exit_code"], done["output"], tuple(map(tuple, done["rows"])))

    def ask(self, host: str, line: str) -> Answer:
        return Answer(*self._do("ask", host, line))

    def begin(self, host: str, line: str) -> None:
        self._do("begin", host, line)

    def plant(self, fault: str, host: str, **how: Any) -> None:
        self._do("plant", fault, host, how)

    def mend(self, fault: str, host: str, **how: Any) -> None:
        self._do("mend", fault, host, how)

    def hold(self, host: str, pool: str) -> None:
        self._do("hold", host, pool)

    def let_go(self, host: str) -> None:
        self._do("let_go", host)

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self._do("pass_by", seconds)

    def addresses(self) -> dict[str, str]:
        return dict(self._do("addresses"))

    def events(self) -> list[dict[str, Any]]:
        return list(self._do("events"))
