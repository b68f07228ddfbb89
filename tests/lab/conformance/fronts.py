"""The two that have to be alike: a lab of containers, and a simulated cluster."""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from testbed import faults
from testbed.lab import provision

from ..site import ROOT, Site
from ..usage import hold, let_go, members
from ..waiting import eventually

_HERE = Path(__file__).parent
_PAUSE, _LOOKS = 0.2, 600  # seconds of virtual time between two looks, and how many there are
_LONG = 600  # seconds, for whatever ends at all
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

    def ask(self, host: str, line: str, patience: int = 0) -> Answer:
        """Run a command on a node, as root.

        + patience: seconds until it is given up, with exit code 124; 0: it is waited for
        """

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

    def kill_package_manager(self, host: str) -> None:
        """Kill whatever changes packages there."""

    def until(self, check: Callable[[], object]) -> None:
        """Wait until something is so."""

    def fill(self, host: str, folder: str) -> None:
        """Have a folder lie on a file system of its own, which is full."""

    def empty(self, host: str, folder: str) -> None:
        """Take that back."""

    def reintegrate(self) -> None:
        """Bring ranks that were excluded, and have joined again, back into all pools."""

    def pools(self) -> list[str]:
        """The UUIDs of the pools."""

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
        self._pools = list(uuids(site).values())

    def pools(self) -> list[str]:
        """The UUIDs of its pools."""
        return self._pools

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

    def ask(self, host: str, line: str, patience: int = 0) -> Answer:
        limit = f"timeout {patience} " if patience else ""
        done = self._site.lab.node(host).run(f"{limit}sh -c {shlex.quote(line)}", check=False)
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

    def kill_package_manager(self, host: str) -> None:
        self._site.lab.node(host).run("pkill -KILL -x 'dnf|yum|zypper|rpm'; pkill -KILL rpm-fault")

    def until(self, check: Callable[[], object]) -> None:
        eventually(check, seconds=60)

    def fill(self, host: str, folder: str) -> None:
        self._site.lab.node(host).run(f"mkdir -p {folder}")
        self.plant("DISK_SMALL", host, folder=folder, mib=1)
        self.plant("DISK_FULL", host, folder=folder)

    def empty(self, host: str, folder: str) -> None:
        self.mend("DISK_FULL", host, folder=folder)
        self.mend("DISK_SMALL", host, folder=folder)

    def reintegrate(self) -> None:
        admin = self._site.lab.having("admins")[0]
        for pool in self._site.lab.pools:
            for member in members(admin):
                line = f"dmg pool reintegrate --rank={member['rank']} {pool}"
                admin.run(line, check=False)  # it refuses those that are in the pool

    def addresses(self) -> dict[str, str]:
        nodes = self._site.lab.nodes.values()
        return {node.name: node.run("hostname -I").stdout.split()[0] for node in nodes}

    def events(self) -> list[dict[str, Any]]:
        return self._site.lab.events()


def uuids(site: Site) -> dict[str, str]:
    """The UUID of each pool, in the order in which they were made."""
    found = {pool["label"]: pool["uuid"] for pool in site.lab.pool_list()}
    return {label: found[label] for label in site.lab.pools}


def _ranks(site: Site) -> dict[str, list[int]]:
    """The ranks of each server's engines: which one gets which is left to chance."""
    blocks = (f"/mnt/daos{index}/superblock" for index in range(provision.ENGINES))
    line = "; ".join(f"cat {block}; echo" for block in blocks)
    said = {node.name: node.run(line).stdout for node in site.lab.having("servers")}
    return {
        name: [json.loads(block)["rank"] for block in text.splitlines() if block]
        for name, text in said.items()
    }


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
        self._do("cluster", nodes, {"pools": uuids(like), "ranks": _ranks(like)})

    def _do(self, what: str, *given: Any) -> Any:
        assert self._process.stdin and self._process.stdout
        with contextlib.suppress(BrokenPipeError):  # then there is no answer either
            print(json.dumps([what, *given]), file=self._process.stdin, flush=True)
        said = self._process.stdout.readline()
        assert said, f"the process of the simulation has ended with {self._process.wait()}"
        answer = json.loads(said)
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

    def ask(self, host: str, line: str, patience: int = 0) -> Answer:
        return Answer(*self._do("ask", host, line, patience or _LONG))

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

    def kill_package_manager(self, host: str) -> None:
        self._do("kill_package_manager", host)

    def until(self, check: Callable[[], object]) -> None:
        for _ in range(_LOOKS):
            if check():
                return
            self._do("pass_by", _PAUSE)
        raise AssertionError("it is not so, however long one waits")

    def fill(self, host: str, folder: str) -> None:
        self._do("fill", host, folder)

    def empty(self, host: str, folder: str) -> None:
        self._do("empty", host, folder)

    def reintegrate(self) -> None:
        self._do("reintegrate")

    def pools(self) -> list[str]:
        return list(self._do("pools"))

    def addresses(self) -> dict[str, str]:
        return dict(self._do("addresses"))

    def events(self) -> list[dict[str, Any]]:
        return list(self._do("events"))
