"""What clients share for a migration: a file system outside of DAOS, and a way in for mpirun.

The file system is a volume of the engine. The servers see it too, read-only and at a place of the
lab's own, so that they can witness what had been copied when storage is formatted.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from testbed.lab import engine, ssh
from testbed.lab.container import Node
from testbed.lab.engine import Mount

PATH = "/backup"  # which group_data names too
WITNESS = "/run/daos-lab/backup"


def mounts(volume: str | None, roles: frozenset[str]) -> dict[str, Mount]:
    """Where a node of these roles has the volume, if there is one."""
    found = {}
    if volume and "clients" in roles:
        found[PATH] = Mount(volume)
    if volume and "servers" in roles:
        found[WITNESS] = Mount(volume, read_only=True)
    return found


def join(clients: Sequence[Node], network: engine.Network) -> None:
    """Let root in from each client to each other by keys that do one thing, as sites may.

    There is no such key, and what comes from outside of their network is refused as everywhere in
    the lab. Raises LabError.
    """
    script = _script(*engine.addresses(network))
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda client: client.run(script), clients))


@contextmanager
def trusted(clients: Sequence[Node]) -> Iterator[None]:
    """Have root get from the first client to the others without a password, as long as this lasts.

    The product brings a key of its own; this is for who starts mpirun by hand. Raises LabError.
    """
    first, *others = clients
    keys = ssh.make_key_pair()
    known = "".join(
        f"{client.name} {client.read('/etc/ssh/ssh_host_ed25519_key.pub')}" for client in others
    )
    line = f"""restrict,command="eval \\"$SSH_ORIGINAL_COMMAND\\"" {keys.public}\n"""
    try:
        first.run(_written({"id_ed25519": keys.private, "known_hosts": known}))
        for client in others:
            client.run(_written({"authorized_keys": line}))
        yield
    finally:
        for client in clients:
            client.run("rm -rf /root/.ssh")


def _written(files: Mapping[str, str]) -> str:
    """The shell commands that write files into root's .ssh."""
    lines = ["umask 077; mkdir -p /root/.ssh"]
    lines += [f"printf %s {shlex.quote(text)} > /root/.ssh/{name}" for name, text in files.items()]
    return " && ".join(lines)


def _script(addresses: str, outside: str) -> str:
    """The shell commands for that on a client.

    + addresses: those of the lab's network; `outside`, among them, is who comes from elsewhere
    """
    who = f"Match User root Address !{outside},{addresses}"
    allowed = shlex.quote(f"{who}\nPermitRootLogin forced-commands-only\n")
    folder = "/etc/ssh/sshd_config.d"
    return "\n".join(
        [
            "# let root in from client to client",
            "set -e",
            f"install -d {folder}",
            f"printf %s {allowed} > {folder}/among-clients.conf",
            "systemctl restart sshd",
        ]
    )
