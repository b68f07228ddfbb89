"""What the lab has for a migration: what clients share, mpirun, dcp, libioil, and hwloc's trap."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed import faults
from testbed.lab import backup
from testbed.lab.container import Node
from testbed.lab.harness import Lab, LabNode

from ..site import CLIENT, ROOT, SERVER, StartSite

SERVER_1, CLIENT_1, CLIENT_2, CLIENT_3 = "daos-server-01", "client-01", "client-02", "client-03"
NODES = [
    LabNode(SERVER_1, SERVER, "el83"),
    LabNode(CLIENT_1, CLIENT, "el83"),
    LabNode(CLIENT_2, CLIENT, "el7"),
    LabNode(CLIENT_3, CLIENT, "leap15"),
]
CLIENTS = (CLIENT_1, CLIENT_2, CLIENT_3)
LIBRARY = "/usr/lib64/libioil.so"
_DAOS_2 = """\
[daos]
name=DAOS
baseurl=http://daos-repo/v2.0/EL8
gpgkey=http://daos-repo/RPM-GPG-KEY-daos
gpgcheck=1
"""


@pytest.fixture(scope="module")
def lab(start_site: StartSite) -> Lab:
    return start_site(NODES, version="1.2.0", seed=False, backup_mib=64).lab


@pytest.fixture(scope="module")
def client(lab: Lab) -> Node:
    """The client from which jobs are started; it has a host file and a tree to copy."""
    node = lab.node(CLIENT_1)
    hosts = "".join(f"{name}\n" for name in CLIENTS)
    node.run(f"printf '{hosts}' > /tmp/hosts; mkdir -p /backup/tree/folder")
    node.run("for n in $(seq 60); do head -c 3000 /dev/urandom > /backup/tree/folder/$n; done")
    node.run("chown 1000:100 /backup/tree/folder/* && chown 1001 /backup/tree/folder")
    return node


@pytest.fixture(scope="module")
def own_trust(lab: Lab) -> Iterator[None]:
    """Root of the first client gets to the others without a password."""
    with backup.trusted([lab.node(name) for name in CLIENTS]):
        yield


# The package manager and hwloc


def _packages(node: Node) -> list[str]:
    return sorted(
        node.run("rpm -qa --qf '%{NAME} %{VERSION}\\n' | grep -v gpg-pubkey").stdout.split("\n")
    )


def test_an_update_of_the_system_alone_fails_on_hwloc_and_with_daos_2_it_works(lab: Lab) -> None:
    """As "Updating DAOS from Version 1.x to Version 2.0" warns of CentOS 8.3 and 8.4."""
    node = lab.node(SERVER_1)
    before = _packages(node)
    assert {"daos 1.2.0", "hwloc-libs 1.11.9", "centos-linux-release 8.3"} <= set(before)

    alone = node.run("dnf -y update", check=False)
    assert alone.exit_code == 1
    wanted = "daos-1.2.0-1.el8.x86_64 requires libhwloc.so.5()(64bit)"
    assert wanted in alone.stderr
    assert _packages(node) == before

    node.run("systemctl stop daos_server")
    node.run(f"printf %s '{_DAOS_2}' > /etc/yum.repos.d/daos.repo && dnf -y update")
    assert set(_packages(node)) >= {
        *("daos 2.0.3", "daos-server 2.0.3", "compat-hwloc1 1.11.8"),
        *("hwloc-libs 2.2.0", "centos-linux-release 8.4"),
    }
    assert node.run("cat /etc/redhat-release").stdout == "CentOS Linux release 8.4.2105\n"
    assert 'NAME="CentOS Linux"' in node.run("cat /etc/os-release").stdout
    assert node.run("rpm -V centos-linux-release").stdout == ""


@pytest.mark.parametrize(
    ("name", "package"),
    [(CLIENT_1, "hwloc-libs"), (CLIENT_2, "centos-release"), (CLIENT_3, "openSUSE-release")],
)
def test_each_system_has_the_hwloc_that_1_x_needs(lab: Lab, name: str, package: str) -> None:
    library = "'libhwloc.so.5()(64bit)'"
    said = lab.node(name).run(f"rpm -q --qf '%{{NAME}}' --whatprovides {library}").stdout
    assert said == package


# What clients share


def test_clients_share_a_file_system_that_servers_can_only_read(lab: Lab) -> None:
    lab.node(CLIENT_2).run("echo shared > /backup/note")
    for name in CLIENTS:
        assert lab.node(name).run("cat /backup/note").stdout == "shared\n"
    server = lab.node(SERVER_1)
    assert server.run("cat /run/daos-lab/backup/note").stdout == "shared\n"
    assert server.run("touch /run/daos-lab/backup/note", check=False).exit_code != 0


def test_what_is_shared_outlives_a_reboot(lab: Lab) -> None:
    lab.node(CLIENT_3).run("echo kept > /backup/kept")
    for name in (CLIENT_3, SERVER_1):
        lab.node(name).restart()
    assert lab.node(CLIENT_3).run("cat /backup/kept").stdout == "kept\n"
    assert lab.node(SERVER_1).run("cat /run/daos-lab/backup/kept").stdout == "kept\n"


# Root's logins


def _asked(node: Node, options: str, there: str) -> tuple[int, str]:
    line = f"ssh -o BatchMode=yes -o StrictHostKeyChecking=no {options} {there} hostname"
    done = node.run(line, check=False)
    return done.exit_code, done.stderr if done.exit_code else done.stdout


def test_no_client_lets_root_in_from_another(lab: Lab) -> None:
    """There is no standing trust: the product makes a key for the time of a copy."""
    for name in CLIENTS:
        node = lab.node(name)
        assert node.run("ls -A /root/.ssh", check=False).stdout == ""
        for there in (*CLIENTS, SERVER_1):
            code, said = _asked(node, "", there)
            assert (code, "Permission denied" in said) == (255, True), said


def test_root_gets_in_by_a_key_with_one_command_and_from_the_clients_alone(
    lab: Lab, client: Node, own_trust: None, tmp_path: Path
) -> None:
    assert _asked(client, "", CLIENT_2) == (0, f"{CLIENT_2}\n")
    refused, said = _asked(client, "", SERVER_1)
    assert (refused, "Permission denied" in said) == (255, True)
    key = tmp_path / "key"
    key.touch(0o600)
    key.write_text(client.run("cat /root/.ssh/id_ed25519").stdout)
    command = ["ssh", "-F", str(lab.ssh_config), "-i", str(key), "-l", "root", CLIENT_2, "hostname"]
    from_outside = subprocess.run(command, capture_output=True, text=True, check=False)
    assert from_outside.returncode == 255
    assert "Permission denied" in from_outside.stderr


# Jobs


def test_a_parallel_job_runs_on_all_clients(client: Node, own_trust: None) -> None:
    said = client.run("mpirun -np 4 -f /tmp/hosts hostname")
    assert sorted(said.stdout.split()) == sorted([*CLIENTS, CLIENT_1])


def test_dcp_copies_on_all_clients_with_the_library_in_every_process(
    lab: Lab, client: Node, own_trust: None
) -> None:
    before = len(lab.events())
    preload = f"-genv LD_PRELOAD {LIBRARY}"
    client.run(f"mpirun {preload} -np 6 -f /tmp/hosts dcp -p /backup/tree /backup/copy")
    client.run("diff -r /backup/tree /backup/copy")
    owners = [
        client.run(f"cd /backup/{name} && stat -c '%n %u %g %a %Y' folder folder/*").stdout
        for name in ("tree", "copy")
    ]
    assert owners[0] == owners[1]
    assert "folder/60 1000 100 " in owners[0]
    events = lab.events()[before:]
    copies = [event["details"] for event in events if event["program"] == "dcp"]
    assert sorted(copy["rank"] for copy in copies) == list(range(6))
    assert {copy["size"] for copy in copies} == {6}
    assert sum(copy["files"] for copy in copies) == 60
    assert sum(copy["bytes"] for copy in copies) == 60 * 3000
    assert min(copy["files"] for copy in copies) > 0
    loaded = [event for event in events if event["program"] == "libioil"]
    assert sorted(event["host"] for event in loaded) == sorted(CLIENTS * 2)
    assert {event["details"]["process"] for event in loaded} == {"dcp"}


def test_dcp_on_a_full_file_system_fails_and_names_files(client: Node, own_trust: None) -> None:
    copy = "mpirun -np 3 -f /tmp/hosts dcp -p /backup/tree /backup/full"
    with faults.DISK_FULL.on(client, folder="/backup"):
        done = client.run(copy, check=False)
    assert done.exit_code != 0
    assert "/backup/full/folder/7' (errno=28 No space left on device)" in done.stdout


def test_the_library_notes_each_process_and_disturbs_none(lab: Lab, client: Node) -> None:
    log = "/var/log/daos-lab/events.jsonl"
    now = "date -u +%Y-%m-%dT%H:%M:%S.%6NZ"
    times = client.run(f"{now}; LD_PRELOAD={LIBRARY} cp /backup/tree/folder/1 /tmp/one; {now}")
    line = client.run(f"tail -n 1 {log}").stdout
    event = json.loads(line)
    assert list(event) == ["time", "host", "program", "pid", "event", "details"]
    assert (event["host"], event["program"], event["event"]) == (CLIENT_1, "libioil", "preloaded")
    assert event["details"] == {"process": "cp"}
    before, after = times.stdout.split()
    assert before < event["time"] < after
    # Where there is no log to write to, and where whoever runs it may not write.
    in_vain = f"unshare -m sh -c 'mount -t tmpfs none /var/log && LD_PRELOAD={LIBRARY} ls /backup'"
    said = client.run(in_vain)
    assert "tree" in said.stdout
    assert said.stderr == ""
    assert client.run(f"tail -n 1 {log}").stdout == line


# All of it


def test_a_small_migration_is_rehearsed(tmp_path: Path) -> None:
    """As `make rehearse-migration` does it, with fewer nodes and files; all replicas are there."""
    for name in ("deploys", "config.py", "operations", "group_data"):
        (tmp_path / name).symlink_to(ROOT / name)
    groups = {
        "servers": ["server-01", "server-02", "server-03"],
        "admins": ["client-02"],
        "clients": ["client-01", "client-02"],
    }
    lines = [f"{role} = {names!r}\n" for role, names in groups.items()]
    (tmp_path / "inventory").write_text("".join(lines))
    done = subprocess.run(
        [sys.executable, "-m", "testbed", "rehearse-migration", "--files", "60"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYINFRA_PROGRESS": "off"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "60 files in 3 containers: all identical" in done.stdout
    assert done.stdout.count("parallel (dcp, 6 processes on 2 clients)") == 1
    assert "the rehearsal succeeded" in done.stdout
