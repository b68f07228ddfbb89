"""How one logs in to the nodes of a lab: its key pair and the texts of ssh_config and known_hosts.

Both OpenSSH and paramiko read these files, so they hold only what both understand alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

USER = "ops"
NOWHERE = "daos-lab.invalid"  # .invalid never resolves (RFC 2606)


@dataclass(frozen=True)
class KeyPair:
    """An SSH key pair: the private key's file text, the public key as one line."""

    private: str
    public: str


def make_key_pair() -> KeyPair:
    """Make the ed25519 key pair of one lab."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return KeyPair(private.decode(), f"{public.decode()} daos-lab")


def config_text(ports: Mapping[str, int], identity: Path, known_hosts: Path) -> str:
    """The ssh_config of a lab.

    + ports: the loopback port of each node's sshd, by the node's name

    The last entry catches every other name: whoever uses this file for a name that is no node of
    the lab gets an error, never a real node of that name.
    """
    entries = ["# Written by the lab. The way into its nodes, and to nowhere else."]
    for name, port in ports.items():
        entries.append(
            f"""
Host {name}
    HostName 127.0.0.1
    Port {port}
    User {USER}
    IdentityFile {identity}
    IdentitiesOnly yes
    UserKnownHostsFile {known_hosts}
    StrictHostKeyChecking yes"""
        )
    entries.append(
        f"""
# Any other name is no node of this lab, and must not become a node outside it.
Host *
    HostName {NOWHERE}
    ConnectTimeout 10
    BatchMode yes
    PasswordAuthentication no
"""
    )
    return "\n".join(entries)


def known_hosts_text(host_keys: Mapping[int, str]) -> str:
    """The known_hosts of a lab.

    + host_keys: the public host key of the sshd behind each loopback port
    """
    lines = []
    for port, key in host_keys.items():
        kind, data = key.split()[:2]
        lines.append(f"[127.0.0.1]:{port} {kind} {data}\n")
    return "".join(lines)
