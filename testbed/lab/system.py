"""The DAOS system of a lab, worked with by its own commands: format, ranks, pools, data."""

import json
import re
from collections.abc import Sequence
from typing import Any

from testbed.lab import dmg_1_0, provision
from testbed.lab.container import Node
from testbed.lab.errors import LabError
from testbed.sim.common import release

POOLS = ("tank", "scratch")
CONTAINER = "home"
OBJECTS = 20  # written into each container
SERVICE = "0,1,2"  # the ranks that serve a pool of the lab in 1.0, as far as there are so many


def ranks(admin: Node) -> dict[int, str]:
    """The state of each rank ("joined", "stopped", ...) as `dmg` says; {} if it has no answer."""
    answer = _dmg(admin, "system query -v")
    members = (answer.get("response") or {}).get("members") or []
    return {member["rank"]: str(member["state"]).lower() for member in members}


def pools(admin: Node) -> list[dict[str, Any]]:
    """What `dmg pool list` tells of each pool, by label; raises LabError if it has no answer."""
    answer = _dmg(admin, "pool list")
    if answer.get("error") or "response" not in answer:
        raise LabError(f"{admin.name}: dmg pool list gave {answer}\n{admin.log_tail()}")
    found = answer["response"].get("pools") or []
    return sorted(found, key=lambda pool: (str(pool.get("label")), str(pool.get("uuid"))))


def _dmg(admin: Node, command: str) -> dict[str, Any]:
    said = admin.run(f"dmg -j {command}", check=False).stdout
    try:
        answer = json.loads(said)
    except ValueError:
        return dmg_1_0.answer(said)
    return answer if isinstance(answer, dict) else {}


def wait_joined(admin: Node, servers: Sequence[Node], seconds: float = 60) -> None:
    """Wait until every rank of every server is Joined.

    Raises LabError with the ranks' states and the servers' logs if some are not in time.
    """
    expected = len(servers) * provision.ENGINES

    def all_joined() -> bool:
        states = ranks(admin)
        return len(states) == expected and set(states.values()) == {"joined"}

    try:
        admin.wait(f"joining of {expected} ranks", all_joined, seconds)
    except LabError as error:
        logs = "\n".join(server.log_tail(5) for server in servers)
        raise LabError(f"{error}\nranks: {ranks(admin)}\n{logs}") from None


def format_storage(admin: Node, servers: Sequence[Node], version: str) -> None:
    """Format all servers' storage and wait until their ranks have joined."""
    hosts = f"-l {','.join(server.name for server in servers)} "
    admin.run(f"dmg {hosts if release.is_1_0(version) else ''}storage format")
    wait_joined(admin, servers)


def make_pools(admin: Node, version: str) -> dict[str, str]:
    """Make the lab's pools; give the name that commands know each by: its label, in 1.x its UUID.

    Labels of pools came with DAOS 2.0.
    """
    if release.layout(version) == 2:
        admin.run(" && ".join(f"dmg pool create --size 8G {label}" for label in POOLS))
        return {label: label for label in POOLS}
    size = "--size 8G"
    if release.is_1_0(version):
        size = "--scm-size 1G --nvme-size 8G --nsvc 3"  # on each server
    return {label: _first_uuid(admin, f"dmg pool create {size}") for label in POOLS}


def make_data(client: Node, names: dict[str, str], version: str) -> dict[str, str]:
    """Make a POSIX container with objects in each pool; give its name by its pool's label."""
    if release.layout(version) == 2:
        made = [
            f"daos container create {pool} --label {CONTAINER} --type POSIX >/dev/null && "
            f"daos-job {pool} {CONTAINER} --write {OBJECTS}"
            for pool in names.values()
        ]
        client.run(" && ".join(made))
        return dict.fromkeys(names, CONTAINER)
    containers = {}
    for label, pool in names.items():
        uuid = make_container(client, pool, "POSIX", version)
        client.run(f"daos-job {pool} {uuid} --write {OBJECTS}")
        containers[label] = uuid
    return containers


def make_container(client: Node, pool: str, kind: str, version: str) -> str:
    """Make a container of a type ("POSIX", "HDF5") in a pool of DAOS 1.x; give its UUID."""
    service = f" --svc={SERVICE}" if release.is_1_0(version) else ""
    return _first_uuid(client, f"daos container create --pool={pool}{service} --type={kind}")


def digests(client: Node, names: dict[str, str], containers: dict[str, str]) -> dict[str, str]:
    """A digest of all data of each container, by its pool's label, as a client reads it."""
    return {label: digest(client, pool, containers[label]) for label, pool in names.items()}


def digest(client: Node, pool: str, container: str) -> str:
    """A checksum over all that a container holds, as a client reads it."""
    return client.run(f"daos-job {pool} {container} --digest").stdout.strip()


def _first_uuid(node: Node, command: str) -> str:
    said = node.run(command).stdout
    found = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", said)
    if found is None:
        raise LabError(f"{node.name}: `{command}` named no UUID: {said}")
    return found.group()
