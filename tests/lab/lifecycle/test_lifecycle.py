"""The lab itself: nothing of it is left behind, nothing of it is open, nothing leads out of it."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.lab import capabilities, cleanup, engine
from testbed.lab.container import Machine, Node
from testbed.lab.errors import LabError
from testbed.lab.harness import Lab, LabNode

from ..site import ROOT, Site, StartSite, nodes
from ..waiting import eventually

EMPTY = [LabNode("node-01", frozenset())]  # without DAOS


def _labelled(lab_id: str) -> list[dict[str, Any]]:
    """The containers, networks and volumes of a lab, as the engine tells of them."""
    client = engine.client()
    try:
        mine = {"label": f"{cleanup.LAB}={lab_id}"}
        found: list[dict[str, Any]] = client.api.containers(all=True, filters=mine)
        volumes: list[dict[str, Any]] = client.api.volumes(filters=mine)["Volumes"] or []
        return found + client.api.networks(filters=mine) + volumes
    finally:
        client.close()


# Labs of other processes, and how these end

_LAB = """
import signal, sys, time
from pathlib import Path
from testbed.lab.harness import Lab, LabNode
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` puts it off
nodes = [LabNode("node-01", frozenset())]
lab = Lab(nodes, directory=Path(sys.argv[1]), seed=False, backup_mib=1)
print(lab.id, flush=True)
with lab:
    print("up", flush=True)
    time.sleep(600)
"""


class Other:
    """Another process that has a lab."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process = subprocess.Popen(
            [sys.executable, "-c", _LAB, str(directory)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.id = self._line()

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def wait_up(self) -> None:
        assert self._line() == "up", self.process.communicate()

    def end(self, number: signal.Signals) -> int:
        """Send it a signal; give what it exits with."""
        self.process.send_signal(number)
        self.process.communicate(timeout=60)
        return int(self.process.returncode)


StartOther = Callable[[], Other]


@pytest.fixture
def start_other(tmp_path: Path) -> Iterator[StartOther]:
    """Start labs in other processes; the test's end ends them."""
    with ExitStack() as running:

        def start() -> Other:
            other = Other(tmp_path / f"lab-{time.monotonic_ns()}")
            running.callback(cleanup.remove_labelled, f"{cleanup.LAB}={other.id}")
            running.callback(other.end, signal.SIGTERM)
            return other

        yield start


def test_what_a_killed_lab_leaves_is_removed_by_the_next_one_and_no_other_lab(
    start_other: StartOther, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Labs of others start meanwhile; what is left here is for the next one here.
    monkeypatch.setenv(cleanup.GUARDED_BY, cleanup.guard())
    dead, alive = start_other(), start_other()
    dead.wait_up()
    alive.wait_up()
    assert dead.end(signal.SIGKILL) == -signal.SIGKILL
    assert len(_labelled(dead.id)) == 4  # a node, the repository, the network, the volume
    with Lab(EMPTY, directory=tmp_path / "next", seed=False) as lab:
        assert _labelled(dead.id) == []
        assert not (dead.directory / "ssh_config").exists()
        assert len(_labelled(alive.id)) == 4
        assert (alive.directory / "ssh_config").exists()
    assert _labelled(lab.id) == []
    assert len(_labelled(alive.id)) == 4

    with (  # a directory has one lab at a time
        pytest.raises(LabError, match="another process has a lab in"),
        Lab(EMPTY, directory=alive.directory, seed=False),
    ):
        pass
    assert len(_labelled(alive.id)) == 4
    assert (alive.directory / "ssh_config").exists()
    _ends_by(alive, signal.SIGTERM, 128 + signal.SIGTERM)


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [(signal.SIGHUP, 128 + signal.SIGHUP), (signal.SIGINT, -signal.SIGINT)],
)
def test_a_signal_removes_a_lab_at_once(
    start_other: StartOther, number: signal.Signals, exit_code: int
) -> None:
    other = start_other()
    other.wait_up()
    _ends_by(other, number, exit_code)


def _ends_by(other: Other, number: signal.Signals, exit_code: int) -> None:
    """A signal ends a lab at once, and nothing of it is left."""
    assert other.end(number) == exit_code
    assert _labelled(other.id) == []
    assert not (other.directory / "ssh_config").exists()
    assert not (other.directory / "id_ed25519").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_removes_a_lab_that_is_just_being_started(
    start_other: StartOther, number: signal.Signals
) -> None:
    other = start_other()
    eventually(lambda: _labelled(other.id))
    assert other.end(number) != 0
    assert _labelled(other.id) == []


# Two labs side by side, with nodes of the same names


@pytest.fixture(scope="module")
def site(start_site: StartSite) -> Site:
    return start_site(nodes(servers=1, clients=1))


def _ssh(
    lab: Lab, node: str, command: str, *options: str, seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ssh", "-F", str(lab.ssh_config), *options, node, command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def _joined(lab: Lab) -> set[str]:
    said = lab.having("admins")[0].run("dmg -j system query").stdout
    return {str(member["state"]).lower() for member in json.loads(said)["response"]["members"]}


def test_two_labs_with_the_same_names_do_not_meet(site: Site, start_fresh_site: StartSite) -> None:
    twin = start_fresh_site(nodes(servers=1, clients=1))
    for name, one in (("first", site.lab), ("second", twin.lab)):
        one.node("daos-client-01").run(f"echo {name} > /tmp/which")
    assert _ssh(site.lab, "daos-client-01", "cat /tmp/which").stdout == "first\n"
    assert _ssh(twin.lab, "daos-client-01", "cat /tmp/which").stdout == "second\n"

    twin.lab.having("admins")[0].run("dmg system stop")
    assert _joined(twin.lab) == {"stopped"}
    assert _joined(site.lab) == {"joined"}
    assert site.lab.digests()
    twin.lab.having("admins")[0].run("dmg system start")
    twin.lab.wait_joined()
    assert twin.lab.digests() == site.lab.digests()

    uuids = [{pool["uuid"] for pool in one.lab.pool_list()} for one in (site, twin)]
    assert not uuids[0] & uuids[1]


# What is open


def test_every_published_port_is_on_loopback_only(site: Site) -> None:
    published = 0
    for machine in (site.lab.repo, *site.lab.nodes.values()):
        machine.container.reload()
        for bindings in machine.container.attrs["NetworkSettings"]["Ports"].values():
            for binding in bindings or ():
                published += 1
                assert binding["HostIp"] == "127.0.0.1"
    assert published == 5  # ssh to each of three nodes, the server's control plane, the repository


def test_no_container_is_privileged(site: Site) -> None:
    for machine in (site.lab.repo, *site.lab.nodes.values()):
        settings = machine.container.attrs["HostConfig"]
        assert not settings["Privileged"]
        assert settings["NetworkMode"] != "host"
        assert settings["PidMode"] != "host"
        assert not settings["Binds"]


# Of capabilities(7), by their numbers in <linux/capability.h>
_CAPABILITIES = {
    0: "CHOWN",
    1: "DAC_OVERRIDE",
    3: "FOWNER",
    4: "FSETID",
    5: "KILL",
    6: "SETGID",
    7: "SETUID",
    10: "NET_BIND_SERVICE",
    18: "SYS_CHROOT",
    19: "SYS_PTRACE",
    21: "SYS_ADMIN",
}


def _may(machine: Machine) -> set[str]:
    """What any process in a container can have at most, as the kernel says."""
    said = machine.run("grep CapBnd /proc/1/status; grep NoNewPrivs /proc/1/status").stdout.split()
    bits = int(said[1], 16)
    found = {str(_CAPABILITIES.get(bit, bit)) for bit in range(64) if bits >> bit & 1}
    return found | ({"NO_NEW_PRIVS"} if said[3] == "1" else set())


def test_each_container_may_what_is_stated_and_no_more(site: Site) -> None:
    assert _may(site.lab.repo) == {*capabilities.REPOSITORY, "NO_NEW_PRIVS"}
    for node in site.lab.nodes.values():
        stated = capabilities.CLIENT if "clients" in node.roles else capabilities.NODE
        assert _may(node) == set(stated)
    assert all(why for why in (capabilities.REPOSITORY | capabilities.CLIENT).values())


def test_ports_of_root_are_roots_in_a_container_too(site: Site) -> None:
    node = site.lab.node("daos-client-01")
    bind = "python3 -c 'import socket; socket.socket().bind((\"\", 600))'"
    assert node.run(bind).exit_code == 0
    assert "Permission denied" in node.run(bind, user="ops", check=False).stderr


def test_the_ordinary_user_gets_in_and_may_sudo(site: Site) -> None:
    for name in site.lab.nodes:
        said = _ssh(site.lab, name, "id -un; hostname; sudo -n id -un")
        assert said.stdout.split() == ["ops", name, "root"], said.stderr


def test_root_logins_are_refused(site: Site) -> None:
    key = site.lab.files.identity.with_suffix(".pub").read_text().strip()
    node = site.lab.node("daos-client-01")
    node.run(f"install -d -m 700 /root/.ssh; echo '{key}' > /root/.ssh/authorized_keys")
    try:
        said = _ssh(site.lab, node.name, "id", "-l", "root")
    finally:
        node.run("rm -r /root/.ssh")
    assert said.returncode == 255
    assert "Permission denied" in said.stderr


def test_passwords_are_refused(site: Site) -> None:
    methods = "PreferredAuthentications=password,keyboard-interactive"
    options = ("-o", "PubkeyAuthentication=no", "-o", methods, "-o", "PasswordAuthentication=yes")
    said = _ssh(site.lab, "daos-client-01", "id", *options)
    assert said.returncode == 255
    assert "Permission denied (publickey)" in said.stderr  # the methods that sshd offers
    for node in site.lab.nodes.values():
        logins = (line.split(":") for line in node.run("cat /etc/shadow").stdout.splitlines())
        assert [login[0] for login in logins if login[1].startswith("$")] == []


@pytest.fixture
def outside() -> Iterator[socket.socket]:
    """Something outside the lab that one could log in to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def _was_reached(listener: socket.socket) -> bool:
    with suppress(BlockingIOError):
        listener.accept()[0].close()
        return True
    return False


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "daos-client-99", "daos-client-01.org"])
def test_ssh_reaches_no_name_that_is_no_node(site: Site, outside: socket.socket, name: str) -> None:
    port = outside.getsockname()[1]
    said = _ssh(site.lab, name, "hostname", "-p", str(port))
    assert said.returncode == 255
    assert said.stdout == ""
    assert "daos-lab.invalid" in said.stderr
    assert not _was_reached(outside)


def test_pyinfra_reaches_no_name_that_is_no_node(site: Site, outside: socket.socket) -> None:
    port = outside.getsockname()[1]
    strangers = [(name, {"ssh_port": port}) for name in ("localhost", "127.0.0.1")]
    (site.folder / "strangers").write_text(f"servers = {strangers!r}\n")
    data = f"--data ssh_config_file={site.lab.ssh_config}"
    said = _bash(site.folder, f"pyinfra strangers {data} exec -- hostname")
    assert said.returncode != 0, _plain(said)
    assert _plain(said).count("] Could not resolve hostname") == 2, _plain(said)
    assert not _was_reached(outside)


# Reboots, and what is known afterwards


def _active(node: Node, unit: str) -> str:
    return node.run(f"systemctl is-active {unit}", check=False).stdout.strip()


def test_a_reboot_starts_what_is_enabled_and_nothing_else(site: Site) -> None:
    server, client = site.lab.node("daos-server-01"), site.lab.node("daos-client-01")
    site.lab.having("admins")[0].run("dmg system stop")
    client.run("systemctl disable daos_agent")
    before = site.lab.events()
    try:
        for node in (server, client):
            node.restart()
        eventually(lambda: _active(server, "daos_server") == "active")
        assert _active(client, "sshd") == "active"
        assert _active(client, "daos_agent") == "inactive"
        assert _ssh(site.lab, client.name, "hostname").stdout == f"{client.name}\n"
        site.lab.wait_joined()
        assert not client.run("pgrep -x daos_agent", check=False).stdout
    finally:
        client.run("systemctl enable --now daos_agent")
    after = site.lab.events()
    assert [event for event in after if event in before] == before
    boots = [e["host"] for e in after if e not in before and e["event"] == "boot"]
    assert sorted(boots) == ["daos-client-01", "daos-server-01"]
    assert {pool["targets_disabled"] for pool in site.lab.pool_list()} == {0}
    assert site.lab.digests()


def test_a_node_keeps_its_ways_in_when_it_is_switched_off_and_on(site: Site) -> None:
    node = site.lab.node("daos-client-01")
    node.stop()
    assert _ssh(site.lab, node.name, "hostname").returncode == 255
    assert site.lab.events()  # also of a node that is off
    node.start()
    assert _ssh(site.lab, node.name, "hostname").stdout == f"{node.name}\n"


def test_the_events_that_are_collected(site: Site, tmp_path: Path) -> None:
    site.lab.collect_events(tmp_path / "runs" / "events.jsonl")
    lines = (tmp_path / "runs" / "events.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    times = [datetime.fromisoformat(event["time"]) for event in events]
    assert times == sorted(times)
    for event in events:
        assert list(event) == ["time", "host", "program", "pid", "event", "details"]
        assert isinstance(event["pid"], int)
        assert isinstance(event["details"], dict)
    assert {event["host"] for event in events} == set(site.lab.nodes)
    programs = {"systemd", "rpm", "daos_server", "daos_engine", "daos_agent", "dmg", "daos-job"}
    assert programs <= {event["program"] for event in events}


# Commands, for which shells stay open on the nodes


def _shells(node: Node) -> list[str]:
    return node.run("pgrep -f 'python3 -[I]Sc'").stdout.split()


def test_a_command_gives_what_it_printed_and_its_exit_code(site: Site) -> None:
    node = site.lab.having("clients")[0]
    said = node.run("echo here; printf %70000d 1; echo there >&2; exit 3", check=False)
    assert (said.exit_code, len(said.stdout), said.stderr) == (3, 70005, "there\n")
    assert node.run("kill -9 $$", check=False).exit_code == 137
    assert node.run("id -un; echo ~", user="ops").stdout == "ops\n/home/ops\n"
    shells = _shells(node)
    node.run("true")
    assert _shells(node) == shells


def test_commands_at_the_same_time_do_not_wait_for_each_other(site: Site) -> None:
    node = site.lab.having("clients")[0]
    meet = "touch /tmp/{}; for n in $(seq 300); do [ -e /tmp/{} ] && exit; sleep 0.1; done; exit 1"
    with ThreadPoolExecutor() as pool:
        list(pool.map(node.run, (meet.format("one", "other"), meet.format("other", "one"))))


def test_a_shell_that_was_killed_is_replaced(site: Site) -> None:
    node = site.lab.having("clients")[0]
    its_pid = "echo $PPID"
    before = node.run(its_pid).stdout
    killed = node.run("kill -9 $PPID; sleep 10", check=False)
    assert (killed.exit_code, killed.stdout) == (137, "")
    assert node.run(its_pid).stdout != before


# dmg, which a process that is warm does for all but the first caller


def _warm(node: Node) -> list[str]:
    return node.run("pgrep -x lab-warm", check=False).stdout.split()


def _warm_alone(node: Node) -> list[str]:
    """The one that stays: who stands in for a caller may end a moment after that."""
    eventually(lambda: len(_warm(node)) == 1)
    return _warm(node)


@pytest.fixture
def cold(site: Site) -> Node:
    """An admin node on which no dmg has run."""
    admin = site.lab.having("admins")[0]
    admin.run("pkill -x lab-warm", check=False)
    eventually(lambda: not _warm(admin))
    return admin


def test_a_warm_dmg_does_and_says_what_a_cold_one_does(site: Site, cold: Node) -> None:
    typed = "dmg -j pool list; echo $?; dmg system 'fly  high' 2>&1; echo $?"
    by_user = cold.run(typed, user="ops").stdout
    assert not _warm(cold)
    first = _ssh(site.lab, cold.name, f"sudo sh -c {shlex.quote(typed)}").stdout
    warm = _warm_alone(cold)
    again = _ssh(site.lab, cold.name, f"sudo sh -c {shlex.quote(typed)}").stdout
    assert by_user == first == again
    assert [line for line in again.splitlines() if line.isdigit()] == ["0", "1"]
    assert _warm_alone(cold) == warm
    events = [e for e in site.lab.events() if e["program"] == "dmg"][-6:]
    assert {event["host"] for event in events} == {cold.name}
    assert [event["details"] for event in events] == [
        {"argv": ["-j", "pool", "list"], "exit": 0},
        {"argv": ["system", "fly  high"], "exit": 1},
    ] * 3


def test_a_dmg_that_is_killed_ends_also_where_it_is_warm(cold: Node) -> None:
    cold.run("dmg version && mkfifo /tmp/never")
    warm = _warm_alone(cold)
    try:
        cold.run("dmg -o /tmp/never system query > /dev/null 2>&1 &")
        eventually(lambda: len(_warm(cold)) == 2)
        assert len(cold.run("pgrep -x dmg").stdout.split()) == 1
        cold.run("pkill -KILL -x dmg")
        eventually(lambda: _warm(cold) == warm)
    finally:
        cold.run("rm /tmp/never")


def test_a_reboot_leaves_no_warm_dmg(cold: Node) -> None:
    cold.run("dmg version")
    assert _warm(cold)
    cold.restart()
    assert not _warm(cold)
    assert cold.run("dmg version && dmg version").stdout


# The lab that stays up: `python -m testbed up` and `down`


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Path]:
    """A folder with an inventory, where the lab's commands are typed."""
    (tmp_path / "inventory").write_text(
        'servers = ["daos-01"]\nadmins = ["daos-01"]\nclients = ["daos-01"]\n'
    )
    yield tmp_path
    _testbed(tmp_path, "down")


def _environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYINFRA_PROGRESS": "off", "PATH": path}


def _testbed(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _typed(folder, [sys.executable, "-m", "testbed", *arguments])


def _bash(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    return _typed(folder, ["bash", "--norc", "-c", script])


def _typed(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


_TYPED_IN_ONE_SHELL = f"""
source .lab/activate
pyinfra inventory exec -- hostname; echo "[up: $?]"
{sys.executable} -m testbed down; echo "[ended: $?]"
find .lab -type f -printf '[left over: %f]\\n'
{sys.executable} -m testbed down; echo "[ended again: $?]"
pyinfra inventory exec -- hostname; echo "[down: $?]"
command pyinfra inventory exec -- hostname; echo "[down, not by the function: $?]"
rm -r .lab
pyinfra inventory exec -- hostname; echo "[gone: $?]"
lab_deactivate
[ "$(command -v pyinfra)" = "$(dirname {sys.executable})/pyinfra" ]; echo "[left: $?]"
"""


def test_a_lab_that_stays_up(desk: Path) -> None:
    up = _testbed(desk, "up")
    assert up.returncode == 0, up.stderr
    assert "What to type next" in up.stdout
    folder = desk / ".lab"
    for name in ("ssh_config", "activate", "daos_control.yml"):
        assert (folder / name).is_file()
    assert (folder / "id_ed25519").stat().st_mode & 0o077 == 0

    again = _testbed(desk, "up")
    assert again.returncode == 0
    assert "is up already" in again.stdout

    control = yaml.safe_load((folder / "daos_control.yml").read_text())
    assert control["transport_config"] == {"allow_insecure": True}
    [address] = control["hostlist"]
    host, _, port = address.partition(":")
    assert host == "127.0.0.1"
    assert engine.says(int(port))  # as gRPC does: the server's settings come first

    direct = _bash(desk, "ssh -F .lab/ssh_config daos-01 sudo dmg system query")
    assert "Joined" in direct.stdout, direct.stderr
    named = _bash(desk, "pyinfra inventory --data ssh_config_file=.lab/ssh_config exec -- hostname")
    assert named.returncode == 0, named.stderr
    assert "[daos-01] daos-01" in _plain(named)

    with Lab(EMPTY, directory=desk / "other", seed=False):
        pass  # another lab that starts and ends leaves it alone
    lab_id = json.loads((folder / "lab.json").read_text())["id"]
    assert len(_labelled(lab_id)) == 3
    shell = _bash(desk, _TYPED_IN_ONE_SHELL)
    seen = _plain(shell)
    assert "[up: 0]" in shell.stdout, seen
    assert seen.count("[daos-01] daos-01") == 1, seen
    assert "the lab is down\n[ended: 0]" in shell.stdout, seen
    assert _labelled(lab_id) == []
    left = re.findall(r"\[left over: (.*)\]", shell.stdout)
    assert left == ["pyinfra"]  # refuses, in shells that have the lab activated
    assert "no lab is up" in shell.stdout, seen
    assert "[ended again: 0]" in shell.stdout, seen
    assert "[down: 1]" in shell.stdout, seen
    assert "[down, not by the function: 1]" in shell.stdout, seen
    assert shell.stderr.count("the lab is down") == 2, seen
    assert "[gone: 1]" in shell.stdout, seen
    assert "the lab is gone" in shell.stderr, seen
    assert "[left: 0]" in shell.stdout, seen


def _plain(done: subprocess.CompletedProcess[str]) -> str:
    """What was printed, without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
