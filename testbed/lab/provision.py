"""What turns an empty node into a node of the lab's DAOS system: one shell script a node.

Configuration files have the keys and places of their release; packages have the names of the
project's.
"""

import shlex
from collections.abc import Sequence
from typing import Any

import yaml

from testbed.lab.nodes import LabNode
from testbed.packages.build import FLAVOURS, KEY_FILE, SPDK
from testbed.sim.common import release

REPOSITORY = "daos-repo"  # its hostname, which group_data names too
SIGNING_KEY = "/etc/pki/rpm-gpg/RPM-GPG-KEY-daos"  # on each node, as group_data says
SYSTEM = "daos_server"
CONTROL_PORT = 10001
ENGINES = 2  # a server
TARGETS = 8  # an engine
_FABRIC_PORTS = (31416, 31516)
_SCM_SIZE = 16  # GiB an engine

_HWLOC1 = "compat-hwloc1-1.11.8"  # it has a version of its own


def access_points(servers: Sequence[str], version: str = "2.0.1") -> list[str]:
    """The servers that are replicas of the management service: three, or one of fewer.

    1.0 has no more than one.
    """
    return list(servers[:3] if len(servers) >= 3 and not release.is_1_0(version) else servers[:1])


def packages(roles: frozenset[str], version: str) -> list[str]:
    """The DAOS packages of a node. `dmg` moved from daos-client to daos-admin in 2.2.

    In 1.0 all packages need daos-client.
    """
    if not roles:
        return []
    key = release.numbers(version)
    names = {"daos"}
    if "servers" in roles:
        names |= {"daos-server"} | ({"compat-hwloc1"} if (2, 0) <= key < (2, 4) else set())
        names |= {"spdk-tools"} if key >= (2, 4) else set()
    in_client = "admins" in roles and not _has_admin(version)
    if "clients" in roles or in_client or release.is_1_0(version):
        names.add("daos-client")
    if "admins" in roles and _has_admin(version):
        names.add("daos-admin")
    return sorted(names)


def _shared_settings(replicas: list[str]) -> dict[str, Any]:
    return {
        "name": SYSTEM,
        "access_points": replicas,
        "port": CONTROL_PORT,
        "transport_config": {"allow_insecure": True},
    }


def _engine_settings(index: int, version: str) -> dict[str, Any]:
    return {
        "targets": TARGETS,
        "fabric_iface": "eth0",
        "fabric_iface_port": _FABRIC_PORTS[index],
        **_scm(f"/mnt/daos{index}", version),
        "log_file": f"/tmp/daos_engine.{index}.log",
    }


def _scm(mount: str, version: str) -> dict[str, Any]:
    """Where an engine has its memory, in GiB: from 2.2 on it is the first of its storage tiers.

    Source: utils/config/daos_server.yml of DAOS v2.0.3 and v2.4.2.
    """
    if release.numbers(version) < (2, 2):
        return {"scm_mount": mount, "scm_class": "ram", "scm_size": _SCM_SIZE}
    return {"storage": [{"class": "ram", "scm_mount": mount, "scm_size": _SCM_SIZE}]}


def _old_names(engines: list[dict[str, Any]], version: str) -> dict[str, Any]:
    """The engines under the name that they have in a release, and what belongs to that."""
    if release.layout(version) == 2:
        return {"engines": engines}
    return ({} if release.is_1_0(version) else {"disable_vmd": True}) | {"servers": engines}


def config_files(roles: frozenset[str], servers: Sequence[str], version: str) -> dict[str, str]:
    """The files of /etc/daos on a node, by name."""
    replicas = access_points(servers, version)
    files: dict[str, dict[str, Any]] = {}
    if "servers" in roles:
        engines = [_engine_settings(index, version) for index in range(ENGINES)]
        files["daos_server.yml"] = (
            _shared_settings(replicas)
            | {"provider": _provider(version), "control_log_file": "/tmp/daos_server.log"}
            | _old_names(engines, version)
        )
    if "clients" in roles:
        files["daos_agent.yml"] = _shared_settings(replicas)
    if "admins" in roles or ("clients" in roles and not _has_admin(version)):
        name, hosts = "daos_control.yml", list(servers)
        if release.is_1_0(version):
            # What dmg asks of the system, it asks of the first host that it is connected to.
            name, hosts = "daos.yml", [f"{point}:{CONTROL_PORT}" for point in replicas]
        files[name] = control_settings(hosts)
    return {name: yaml.safe_dump(settings, sort_keys=False) for name, settings in files.items()}


def _provider(version: str) -> str:
    """The documented one that needs no RDMA; 2.6 knows that of 2.0 no more."""
    return "ofi+tcp" if release.numbers(version) >= (2, 2) else "ofi+sockets"


def _has_admin(version: str) -> bool:
    """Whether `dmg` and its file are in daos-admin, and no longer in daos-client."""
    return release.numbers(version) >= (2, 2)


def control_settings(hosts: list[str]) -> dict[str, Any]:
    """What dmg is told: where the system is."""
    return {
        "name": SYSTEM,
        "port": CONTROL_PORT,
        "hostlist": hosts,
        "transport_config": {"allow_insecure": True},
    }


def units(roles: frozenset[str]) -> list[str]:
    """The services that run on a node."""
    return [
        unit
        for role, unit in (("servers", "daos_server"), ("clients", "daos_agent"))
        if role in roles
    ]


def node_script(node: LabNode, version: str, servers: Sequence[str], public_key: str) -> str:
    """The script, run as root, that sets a node up and prints its public host key.

    + version: the DAOS release to install
    + servers: the names of all servers, in the inventory's order
    + public_key: who may log in as the ordinary user
    """
    lines = [
        "# set the node up",
        "set -e",
        "install -d -m 700 -o ops -g ops /home/ops/.ssh",
        f"echo {shlex.quote(public_key)} > /home/ops/.ssh/authorized_keys",
        "chown ops: /home/ops/.ssh/authorized_keys",
        "chmod 600 /home/ops/.ssh/authorized_keys",
        # As a site has it on its nodes, where they are installed.
        f"curl -fsS --create-dirs -o {SIGNING_KEY} http://{REPOSITORY}/{KEY_FILE}",
    ]
    names = packages(node.roles, version)
    if names:
        addresses = " ".join(_address(node.flavour, name, version) for name in names)
        lines.append(f"arch=$(uname -m); rpm -U --nosignature {addresses}")
        for name, text in config_files(node.roles, servers, version).items():
            lines.append(f"printf %s {shlex.quote(text)} > /etc/daos/{name}")
    running = units(node.roles)
    if running:
        lines.append(f"systemctl enable --now {' '.join(running)}")
    lines.append("cat /etc/ssh/ssh_host_ed25519_key.pub")
    return "\n".join(lines)


def _address(flavour: str, package: str, version: str) -> str:
    """Where the repository of a version's series holds a package, for the shell's $arch."""
    series = release.series(version)
    built = FLAVOURS[flavour]
    file = {
        "compat-hwloc1": f"{_HWLOC1}-{built.release}.$arch",
        "spdk-tools": f"spdk-tools-{SPDK.get(series)}.noarch",
    }.get(package, f"{package}-{version}-{built.release}.$arch")
    return f"http://{REPOSITORY}/v{series}/{built.folder}/{file}.rpm"
