"""What clients share for a migration: a file system outside of DAOS, and root's logins for mpirun.

The file system is a volume of the engine. The servers see it too, read-only and at a place of the
lab's own, so that they can witness what had been copied when storage is formatted.
"""

import shlex
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

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


def join(clients: Sequence[Node], host_keys: Mapping[str, str], network: engine.Network) -> None:
    """Let root log in from each client to each other, as mpirun does to start its processes.

    + host_keys: the public host key of each client, by its name

    Raises LabError. The key pair is on the clients alone, and what comes from outside of their
    network is refused as everywhere in the lab.
    """
    script = _script(ssh.make_key_pair(), host_keys, *engine.addresses(network))
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda client: client.run(script), clients))


def _script(keys: ssh.KeyPair, host_keys: Mapping[str, str], addresses: str, outside: str) -> str:
    """The shell commands that let root in on a client, and tell it its fellows' host keys.

    + addresses: those of the lab's network; `outside`, among them, is who comes from elsewhere
    """
    known = "".join(f"{name} {' '.join(key.split()[:2])}\n" for name, key in host_keys.items())
    allowed = f"Match User root Address !{outside},{addresses}\nPermitRootLogin prohibit-password\n"
    files = {
        "/root/.ssh/id_ed25519": keys.private,
        "/root/.ssh/authorized_keys": f"{keys.public}\n",
        "/etc/ssh/ssh_known_hosts": known,
        "/etc/ssh/sshd_config.d/among-clients.conf": allowed,
    }
    lines = ["# let root log in from client to client", "set -e"]
    lines.append("install -d -m 700 /root/.ssh && install -d /etc/ssh/sshd_config.d")
    for path, text in files.items():
        lines.append(f"printf %s {shlex.quote(text)} > {path}")
    lines.append("chmod 600 /root/.ssh/* && systemctl restart sshd")
    return "\n".join(lines)
