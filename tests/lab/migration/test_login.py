"""The key by which mpirun starts a copy on the other clients, and whoever else has got it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from testbed.lab import backup
from testbed.lab.container import Node

from ..site import Outcome, Site, StartSite
from ..waiting import eventually
from .stages import CLIENT_1, CLIENT_2, MIGRATE, NODES, codes, containers, done, stage

FOLDER = "/run/daos-offline-update/login"
KEYS = "/root/.ssh/authorized_keys"
OWN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBc7Hdu6AHVQzWfB8y7bZJ4JY7WdbT8K1lWSfpl3QZ5x own"
CONF = "/etc/ssh/sshd_config.d/among-clients.conf"
SERVER_1 = "daos-server-01"

# An mpirun that waits as long as a file is there, when it is to copy.
_HELD = """\
#!/bin/sh
case "$*" in *dcp*) while [ -e /tmp/hold ]; do sleep 0.1; done ;; esac
exec mpirun "$@"
"""
PARALLEL = {"copy_way": "parallel", "mpirun": "/usr/local/bin/held-mpirun"}


@pytest.fixture(scope="module")
def site(start_site: StartSite) -> Site:
    site = start_site(NODES, version="1.2.0", backup_mib=64)
    client = site.lab.node(CLIENT_1)
    for pool, container in containers(site):
        client.run(f"daos-job {pool} {container} --tree 20 --seed 7")
    for node in site.lab.having("clients"):
        node.run(f"printf %s {shlex.quote(_HELD)} > /usr/local/bin/held-mpirun")
        node.run("chmod 755 /usr/local/bin/held-mpirun")
    return site


@pytest.fixture
def other(site: Site) -> Iterator[Node]:
    """The client to get into; its root has a key of the site's own, and no newline after it."""
    node = site.lab.node(CLIENT_2)
    node.run(
        f"install -d -m 700 /root/.ssh; printf %s {shlex.quote(OWN)} > {KEYS}; chmod 640 {KEYS}"
    )
    yield node
    node.run("rm -rf /root/.ssh /root/keys")


@contextmanager
def sshd(node: Node, old: str, new: str) -> Iterator[None]:
    """The sshd of a node goes by another line for root."""
    before = node.read(CONF)
    assert old in before
    node.run(f"sed -i 's/{old}/{new}/' {CONF} && systemctl restart sshd")
    try:
        yield
    finally:
        node.run(f"printf %s {shlex.quote(before)} > {CONF} && systemctl restart sshd")


def backup_while_held(site: Site, do: Callable[[], object]) -> Outcome:
    """Type stage=backup; do something when the key is there, and mpirun has not begun."""
    client = site.lab.node(CLIENT_1)
    client.run("rm -rf /backup/*")
    done(site, "check", **PARALLEL)
    client.run("touch /tmp/hold")

    def held() -> None:
        eventually(lambda: client.run("pgrep -x held-mpirun", check=False).exit_code == 0)
        try:
            do()
        finally:
            client.run("rm -f /tmp/hold")

    return site.typed_until("(1 of ", held, MIGRATE, "-y", stage="backup", **PARALLEL)


def assert_nothing_left(site: Site, other: Node) -> None:
    assert other.read(KEYS) == OWN
    assert other.run(f"stat -c '%a %U' {KEYS}; ls -A /root/.ssh").stdout == (
        "640 root\nauthorized_keys\n"
    )
    for name in (CLIENT_1, CLIENT_2):
        assert site.lab.node(name).run(f"ls -d {FOLDER}", check=False).exit_code == 2


def test_a_stolen_key_starts_nothing_and_afterwards_all_is_as_before(
    site: Site, other: Node
) -> None:
    client = site.lab.node(CLIENT_1)
    said: dict[str, Any] = {}

    def steal() -> None:
        assert client.run(f"ls {FOLDER}", user="ops", check=False).exit_code == 2
        key = client.read(f"{FOLDER}/key")
        for name in (CLIENT_1, CLIENT_2, SERVER_1):
            said[name] = tries(site.lab.node(name), key)
        said["line"] = other.read(KEYS)

    outcome = backup_while_held(site, steal)
    assert outcome.exit_code == 0, outcome.output
    assert {c["way"] for c in site.report["migration"]["containers"]} == {"parallel"}
    assert_nothing_left(site, other)
    [own, line] = said["line"].splitlines()
    assert own == OWN
    assert line.startswith(f'restrict,from="{address(client)}",expiry-time="')
    for name in (CLIENT_2, SERVER_1):  # not where it is let in from
        assert all("Permission denied (publickey)" in it for it in said[name].values()), said
    here = said[CLIENT_1]
    nothing = "this key starts nothing but hydra_pmi_proxy"
    assert [nothing in here[what] for what in ("command", "shell")] == [True] * 2, here
    assert here["sftp"] == "Connection closed\r\n"
    assert "any user may listen on that port" in here["proxy"]
    assert "forwarding failed" in here["forward"] or "prohibited" in here["forward"]
    assert "Permission denied" in here["listen"]
    assert not any("uid=" in it for found in said.values() for it in found)


def address(node: Node) -> str:
    return node.run("hostname -I").stdout.split()[0]


def tries(node: Node, key: str) -> dict[str, str]:
    """What an ordinary user gets who has the key: whatever it tries, to what was said."""
    node.run(
        f"umask 077; printf %s {shlex.quote(key)} > /home/ops/stolen; chown ops /home/ops/stolen"
    )
    options = "-i /home/ops/stolen -o BatchMode=yes -o StrictHostKeyChecking=no"
    proxy = (
        f"/usr/bin/hydra_pmi_proxy --control-port {CLIENT_1}:5000 --rmk user --launcher ssh "
        f"--launcher-exec {FOLDER}/ssh --demux poll --pgid 0 --retries 10 --usize -2 --pmi-port 0 "
        "--gpus-per-proc -2 --proxy-id 1"
    )
    there = f"root@{CLIENT_2}"
    lines = {
        "command": f"ssh {options} {there} id",
        "shell": f"echo id | ssh {options} {there}",
        "sftp": f"echo ls | sftp -b - {options.replace('-i ', '-o IdentityFile=')} {there}",
        "proxy": f"ssh {options} {there} {shlex.quote(proxy)}",
        "forward": f"ssh {options} -W {SERVER_1}:10001 {there}",
    }
    own = "python3 -c 'import socket; socket.socket().bind((\"\", 600))'"
    if node.name == CLIENT_1:
        lines["listen"] = own
    try:
        found = {
            what: node.run(f"{line} 2>&1", user="ops", check=False) for what, line in lines.items()
        }
        return {what: it.stdout for what, it in found.items()}
    finally:
        node.run("rm -f /home/ops/stolen")


def test_what_a_killed_run_leaves_the_next_one_removes(site: Site, other: Node) -> None:
    client = site.lab.node(CLIENT_1)

    def kill() -> None:
        site.kill()
        _, container = containers(site)[0]
        job = f"/run/daos-offline-update/jobs/{container}-copy/command.json"
        client.run(f"kill -KILL -- -{json.loads(client.read(job))['group']}")

    assert backup_while_held(site, kill).exit_code < 0
    assert "daos-offline-update-copy" in other.read(KEYS)
    assert client.run(f"ls {FOLDER}/key").exit_code == 0
    done(site, "check", copy_way="serial")
    assert_nothing_left(site, other)


def test_a_run_that_is_killed_before_mpirun_begins_hinders_no_copy(site: Site, other: Node) -> None:
    """Its copy starts by the key that is there, and takes it away itself."""
    assert backup_while_held(site, site.kill).exit_code < 0
    eventually(lambda: other.read(KEYS) == OWN)
    done(site, "backup", **PARALLEL)
    assert_nothing_left(site, other)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("PermitRootLogin no", "PermitRootLogin forced-commands-only"),
        ("AuthorizedKeysFile none", "AuthorizedKeysFile .ssh/authorized_keys"),
        ("DenyUsers root", "Permission denied"),
    ],
)
def test_an_sshd_that_lets_nobody_in_is_named_with_what_to_do(
    site: Site, other: Node, line: str, said: str
) -> None:
    old = "PermitRootLogin forced-commands-only"
    new = line if line.startswith("Permit") else rf"{old}\n{line}"
    with sshd(other, old, new):
        outcome = stage(site, "check", copy_way="parallel")
    assert outcome.exit_code == 1
    assert codes(site) == {"mpirun-fails": [CLIENT_1]}
    assert said in outcome.output
    assert_nothing_left(site, other)


def test_a_site_with_trust_of_its_own_keeps_it_and_can_go_by_it(site: Site, other: Node) -> None:
    """The file is a link, into which nothing is written."""
    clients = [site.lab.node(name) for name in (CLIENT_1, CLIENT_2)]
    with backup.trusted(clients):
        other.run(f"mv {KEYS} /root/keys && ln -s /root/keys {KEYS}")
        before = other.read("/root/keys")
        outcome = stage(site, "check", copy_way="parallel")
        assert outcome.exit_code == 0, outcome.output
        clients[0].run("rm -rf /backup/*")
        done(site, "check", "backup", copy_way="parallel")
        assert other.run(f"readlink {KEYS}").stdout == "/root/keys\n"
        assert other.read("/root/keys") == before
