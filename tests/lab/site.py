"""A site: the folder that an administrator works in, with an inventory and settings of its own."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from testbed.lab.container import Node
from testbed.lab.harness import Lab, LabNode

from .typed import PYINFRA, Typed
from .usage import states

ROOT = Path(__file__).parents[2]
ROLES = ("servers", "admins", "clients")

SERVER = frozenset({"servers"})
ADMIN = frozenset({"admins"})
CLIENT = frozenset({"clients"})
ALL_ROLES = frozenset(ROLES)
UNITS = {"servers": "daos_server", "clients": "daos_agent"}

# Time-outs of a site that gives up soon, in seconds.
QUICK = {"packages": 300, "service": 60, "stop": 30, "join": 15, "client": 30, "hook": 30}

# For many runs on one lab: a question less to each package manager. tests/lab/update asks it.
DAOS_ALONE = {"update_dependencies": False}


@dataclass(frozen=True)
class Outcome:
    """How a pyinfra command ended: its exit code, and all that it printed."""

    exit_code: int
    output: str


@dataclass
class Site:
    """The product as it is used, in a folder of its own.

    + folder: where the command is typed; the procedure is linked into it
    + lab: the nodes that the commands go to
    + groups: the inventory, role to node names
    + settings: what is overridden with every command, as `--data KEY=VALUE`
    + broken_rules: those that the tests break on purpose, "R2"; the referee must say so
    """

    folder: Path
    lab: Lab
    groups: dict[str, list[str]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    broken_rules: set[str] = field(default_factory=set)
    typed: bool = False  # has a command been typed here?
    _events_before: int = 0
    _child: Typed | None = None

    @classmethod
    def of(cls, folder: Path, lab: Lab, settings: dict[str, Any] | None = None) -> Site:
        """The site whose inventory is just what the lab has."""
        groups = {role: [node.name for node in lab.having(role)] for role in ROLES}
        for name in ("deploy.py", "deploys", "config.py", "operations", "group_data"):
            (folder / name).symlink_to(ROOT / name)
        site = cls(folder, lab, groups, dict(settings or {}))
        site.write_inventory(**groups)
        return site

    def write_inventory(self, **groups: list[str]) -> None:
        """Write an inventory with these groups, in this order."""
        lines = [f"{role} = {names!r}" for role, names in groups.items()]
        (self.folder / "inventory").write_text("\n".join(lines) + "\n")

    def pyinfra(self, *arguments: str, answer: str = "", **data: Any) -> Outcome:
        """Type `pyinfra inventory ARGUMENTS`, to the lab.

        + answer: what is typed in answer to a question; "" for nobody being there
        + data: settings to override, as `--data KEY=VALUE`
        """
        self._start(arguments, data, answer and f"{answer}\n")
        return self.end()

    def start_update(self) -> None:
        """Type `pyinfra inventory deploy.py -y` and go on; `end` gives what came of it."""
        self._start(("deploy.py", "-y"), {})

    def end(self) -> Outcome:
        """Wait for the end of the command that runs."""
        child = self._child
        assert child
        output = child.read(timeout=600)
        print(output)
        return Outcome(self._noted_end(child), output)

    def update_until(self, words: str, do: Callable[[], object], **data: Any) -> Outcome:
        """Type `pyinfra inventory deploy.py -y`; on a line with `words` in it, do something."""
        return self.typed_until(words, do, "deploy.py", "-y", **data)

    def typed_until(
        self, words: str, do: Callable[[], object], *arguments: str, **data: Any
    ) -> Outcome:
        """Type `pyinfra inventory ARGUMENTS -v`; on the first line with `words`, do something.

        With -v it says when a step begins.
        """
        child = self._start((*arguments, "-v"), data)
        lines = []
        done = False
        for line in child.stdout:
            lines.append(line)
            print(line, end="")
            if words in line and not done:
                done = True
                do()
        return Outcome(self._noted_end(child), "".join(lines))

    def command(self, arguments: Sequence[str], data: dict[str, Any]) -> list[str]:
        """`pyinfra inventory ARGUMENTS`, to the lab, word by word."""
        overrides = {"ssh_config_file": self.lab.ssh_config, **self.settings, **data}
        words = [str(PYINFRA), "inventory", *arguments]
        for key, value in overrides.items():
            text = value if isinstance(value, str | Path) else json.dumps(value)
            words += ["--data", f"{key}={text}"]
        return words

    def _start(self, arguments: Sequence[str], data: dict[str, Any], typed: str = "") -> Typed:
        command = self.command(arguments, data)
        self.typed = True
        self.lab.note("command", argv=command[1:])
        print("$", *command)
        environment = {**os.environ, "PYINFRA_PROGRESS": "off"}
        self._child = Typed(command[1:], self.folder, environment, typed)
        return self._child

    def _noted_end(self, child: Typed) -> int:
        """The exit code of a command; the referee is told that it ended."""
        code = child.wait(timeout=60)
        self.lab.note("command-ended", argv=child.args[1:], exit=code)
        return code

    def kill(self) -> None:
        """End the command that runs as `kill -9` does."""
        assert self._child
        self._child.kill()

    def press_ctrl_c(self) -> None:
        """Interrupt the command that runs."""
        assert self._child
        self._child.send_signal(signal.SIGINT)

    def press_ctrl_c_again_and_again(self) -> None:
        """As somebody does who sees nothing happen."""
        for _ in range(5):
            self.press_ctrl_c()
            time.sleep(0.2)

    def hang_up(self) -> None:
        """The terminal of the command that runs is closed."""
        assert self._child
        self._child.send_signal(signal.SIGHUP)

    def wait_for_package_managers(self) -> None:
        """What an interrupted command began on the nodes ends there by itself; wait for that."""
        for node in self.lab.nodes.values():
            node.run("timeout 60 sh -c 'while pgrep -x \"dnf|yum|zypper\"; do sleep 0.1; done'")

    def update(self, *flags: str, **data: Any) -> Outcome:
        """Type `pyinfra inventory deploy.py -y`."""
        return self.pyinfra("deploy.py", "-y", *flags, **data)

    @property
    def report(self) -> dict[str, Any]:
        """The report of the run that ended last, also of one that was refused."""
        return json.loads((newest_run(self.folder) / "report.json").read_text())

    def check_whole(self, release: str) -> None:
        """Fail unless all is as after an undisturbed run that brought every node to a release.

        Every server and every client has its daemon running and enabled; of the run nothing is left
        on any node.
        """
        for node in self.lab.nodes.values():
            _check_whole_node(node, release)
        assert set(states(self.lab.having("admins")[0]).values()) == {"joined"}
        assert [disabled_targets(pool) for pool in self.lab.pool_list()] == [0, 0]

    def begin_anew(self) -> None:
        """For another test that goes on here: `events` are those from now on."""
        self._events_before = len(self.lab.events())
        self.write_inventory(**self.groups)

    def events(self) -> list[dict[str, Any]]:
        """What has happened since this test has the site."""
        return self.lab.events()[self._events_before :]

    @property
    def release(self) -> str:
        """The one release of all DAOS packages; raises ValueError where there are several."""
        [release] = {version for found in self.versions().values() for version in found}
        return release

    def versions(self) -> dict[str, set[str]]:
        """Node name to the releases of all DAOS packages on it."""
        return {
            name: set(node.run("rpm -qa --qf '%{VERSION}\\n' 'daos' 'daos-*'").stdout.split())
            for name, node in self.lab.nodes.items()
        }


def disabled_targets(pool: dict[str, Any]) -> int:
    """How many targets of a pool are disabled; 2.6 has another name for that."""
    return pool["disabled_targets" if "disabled_targets" in pool else "targets_disabled"]


def _check_whole_node(node: Node, release: str) -> None:
    """In one question, since each takes about as long as all that is asked."""
    units = [unit for role, unit in UNITS.items() if role in node.roles]
    asked = "--property ActiveState --property UnitFileState --property DropInPaths"
    packages, services, left = node.run(
        f"rpm -qa --qf '%{{NAME}} %{{VERSION}}\\n' daos 'daos-*'; echo =="
        f"; for unit in {' '.join(units)}; do systemctl show $unit {asked}; done; echo =="
        "; ls /var/lib/daos-offline-update 2>/dev/null || true"
    ).stdout.split("==\n")
    found = dict(line.split() for line in packages.splitlines())
    assert set(found.values()) == {release}
    assert len(found) == len(packages.splitlines()), "a package is there twice"
    whole = {"ActiveState=active", "UnitFileState=enabled", "DropInPaths="}
    assert set(services.split()) == (whole if units else set())
    assert not left


def newest_run(folder: Path) -> Path:
    """The run in a folder that has said its word last, whatever runs/latest points to."""
    reports = (folder / "runs").glob("2*/report.json")
    return max(reports, key=lambda path: path.stat().st_mtime_ns).parent


StartSite = Callable[..., Site]


def nodes(
    servers: int = 2, clients: int = 1, server_flavour: str = "el8", client_flavour: str = "el8"
) -> list[LabNode]:
    """A small cluster: servers, one admin (a client's flavour), clients."""
    made = [LabNode(f"daos-server-{n:02}", SERVER, server_flavour) for n in _upto(servers)]
    made.append(LabNode("daos-admin-01", ADMIN, client_flavour))
    return made + [LabNode(f"daos-client-{n:02}", CLIENT, client_flavour) for n in _upto(clients)]


def _upto(count: int) -> Iterable[int]:
    return range(1, count + 1)
