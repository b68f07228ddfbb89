"""The ways to do the update that are compared."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from testbed.lab.harness import Lab, LabError

from . import procedure
from .procedure import Phase

_AT_ONCE = 64  # nodes
_ANSIBLE = Path(__file__).parents[2] / ".venv-bench" / "bin" / "ansible-playbook"


@dataclass(frozen=True)
class Way:
    """A way to do the update.

    + name: what it is called in the table
    + ready: what is done before the window, on a lab; it is not counted
    + typed: the update itself
    """

    name: str
    ready: Callable[[Lab], None]
    typed: Callable[[Lab], None]


def _run(words: Sequence[str], environment: Mapping[str, str] = os.environ) -> None:
    done = subprocess.run(
        words,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LabError(f"`{shlex.join(words)[:200]}` failed:\n{done.stdout}{done.stderr}")


def _nothing(lab: Lab) -> None:
    """All that it needs it does itself."""


def pyinfra(lab: Lab, *words: str) -> None:
    """Type `pyinfra inventory deploy.py WORDS`, to a lab. Raises LabError."""
    command = str(Path(sys.executable).with_name("pyinfra"))
    settings = ("--data", f"ssh_config_file={lab.ssh_config}")
    _run([command, "inventory", "deploy.py", *words, *settings])


def _ours(lab: Lab) -> None:
    pyinfra(lab, "-y")


class Clush:
    """ClusterShell's parallel shell.

    + shared: whether each node has one connection for all commands (ControlMaster)
    """

    def __init__(self, shared: bool) -> None:
        self._shared = shared

    def do(self, lab: Lab, phase: Phase) -> None:
        """Type a phase."""
        options = f"-F {lab.ssh_config}"
        if self._shared:
            path = Path(tempfile.gettempdir()) / f"{lab.id[-8:]}-%%C"  # clush interpolates
            options += f" -o ControlMaster=auto -o ControlPersist=120 -o ControlPath={path}"
        clush = str(Path(sys.executable).with_name("clush"))
        line = f"sudo -n sh -c {shlex.quote(phase.line)}"
        _run(
            [
                *(clush, "-S", "-q", "-f", str(_AT_ONCE), "-w", ",".join(phase.nodes)),
                *("-o", options, line),
            ]
        )


class Shells:
    """Open shells of root on all nodes, with no network in between: nothing can be faster."""

    def do(self, lab: Lab, phase: Phase) -> None:
        """Type a phase in all of them at once."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda name: lab.node(name).run(phase.line), phase.nodes))


def by_hand(name: str, means: Clush | Shells, fetched: bool) -> Way:
    """The procedure typed by hand.

    + fetched: whether packages are fetched before the window
    """

    def ready(lab: Lab) -> None:
        procedure.set_up(lab)
        means.do(lab, Phase(tuple(lab.nodes), "true"))
        if fetched:
            means.do(lab, procedure.fetch(lab))

    def typed(lab: Lab) -> None:
        for phase in procedure.phases(lab, fetched):
            means.do(lab, phase)

    return Way(name, ready, typed)


_PLAYBOOK = """\
- {hosts: clients, gather_facts: false, become: true, tasks: [
    {ansible.builtin.systemd_service: {name: daos_agent, state: stopped}}]}
- {hosts: "admins[0]", gather_facts: false, become: true, tasks: [
    {ansible.builtin.command: dmg system stop}]}
- {hosts: servers, gather_facts: false, become: true, tasks: [
    {ansible.builtin.systemd_service: {name: daos_server, state: stopped}}]}
- {hosts: all, gather_facts: false, become: true, tasks: [PACKAGES]}
- {hosts: servers, gather_facts: false, become: true, tasks: [
    {ansible.builtin.systemd_service: {name: daos_server, state: started}}]}
- {hosts: "admins[0]", gather_facts: false, become: true, tasks: [
    {ansible.builtin.shell: {cmd: JOINED}}]}
- {hosts: clients, gather_facts: false, become: true, tasks: [
    {ansible.builtin.systemd_service: {name: daos_agent, state: started}}]}
"""
_UPGRADE = (
    '{ansible.builtin.dnf: {name: "daos*-TARGET*", state: latest, update_only: true, OPTIONS}}'
)


class Ansible:
    """A playbook: forks for all nodes, pipelining, one connection a node, no facts."""

    def _play(self, lab: Lab, text: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            playbook, inventory = Path(folder) / "play.yml", Path(folder) / "inventory.yml"
            playbook.write_text(text)
            roles = ("servers", "admins", "clients")
            groups = {it: {"hosts": {n.name: None for n in lab.having(it)}} for it in roles}
            inventory.write_text(json.dumps(groups))
            shared = "-o ControlMaster=auto -o ControlPersist=120"
            environment = {
                **os.environ,
                "ANSIBLE_FORKS": str(_AT_ONCE),
                "ANSIBLE_PIPELINING": "true",
                "ANSIBLE_SSH_ARGS": f"-F {lab.ssh_config} {shared}",
                "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{tempfile.gettempdir()}/{lab.id[-8:]}",
                "ANSIBLE_HOME": folder,
            }
            _run([str(_ANSIBLE), "-i", str(inventory), str(playbook)], environment)

    def ready(self, lab: Lab, fetched: bool) -> None:
        """Connect; and download, where that comes before the window."""
        procedure.set_up(lab)
        download = _UPGRADE.replace("OPTIONS", "download_only: true")
        task = download if fetched else "{ansible.builtin.ping: {}}"
        self._play(lab, _on_all(task))

    def typed(self, lab: Lab, fetched: bool) -> None:
        """The playbook of the update."""
        task = _UPGRADE.replace("OPTIONS", f"cacheonly: {str(fetched).lower()}")
        joined = json.dumps(procedure.JOINED)
        text = _PLAYBOOK.replace("PACKAGES", task).replace("JOINED", joined)
        self._play(lab, text.replace("TARGET", procedure.TARGET))


def _on_all(task: str) -> str:
    play = f"- {{hosts: all, gather_facts: false, become: true, tasks: [{task}]}}\n"
    return play.replace("TARGET", procedure.TARGET)


def playbook(name: str, fetched: bool) -> Way:
    """The procedure as a playbook.

    + fetched: whether packages are fetched before the window
    """
    ansible = Ansible()
    return Way(
        name, lambda lab: ansible.ready(lab, fetched), lambda lab: ansible.typed(lab, fetched)
    )


OURS = Way("this project", _nothing, _ours)
FLOOR = by_hand("the floor: open root shells", Shells(), fetched=True)
EXPERT = by_hand("clush, typed by an expert", Clush(shared=True), fetched=True)
DOCUMENTED = by_hand("clush, as documented", Clush(shared=False), fetched=False)
PREFETCHING = playbook("Ansible, packages fetched before", fetched=True)
ANSIBLE = playbook("Ansible", fetched=False)
WAYS = (OURS, FLOOR, EXPERT, DOCUMENTED, PREFETCHING, ANSIBLE)
