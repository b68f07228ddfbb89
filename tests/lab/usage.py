"""What users and administrators do on the nodes: jobs that hold connections, mounts, questions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from testbed.lab.container import Node

from .waiting import eventually

JOB_LOG = "/tmp/job.log"


def hold(client: Node, pool: str = "tank", container: str = "home") -> None:
    """Start a job that stays connected to a pool, and wait until it is."""
    job = f"daos-job {pool} {container} --hold"
    client.run(f"rm -f {JOB_LOG}; setsid {job} > {JOB_LOG} 2>&1 < /dev/null &")
    eventually(lambda: "connected" in client.read(JOB_LOG))


def holds(client: Node) -> bool:
    """Whether such a job runs."""
    return client.run("pgrep -f '[d]aos-job .* --hold'", check=False).exit_code == 0


def let_go(client: Node) -> None:
    """End the jobs that `hold` started."""
    client.run("pkill -f '[d]aos-job .* --hold'")
    eventually(lambda: not holds(client))


@contextmanager
def mounted(
    client: Node, pool: str, container: str, user: str = "root", place: str = "/mnt/user"
) -> Iterator[str]:
    """A container mounted by a user; where it is mounted."""
    client.run(f"install -d -o {user} {place}")
    client.run(f"dfuse --mountpoint={place} --pool={pool} --container={container}", user=user)
    try:
        yield place
    finally:
        client.run(f"fusermount3 -u {place}", user=user)


def mounts(client: Node) -> list[str]:
    """Where dfuse is mounted."""
    return client.run("findmnt -rn -t fuse.daos -o TARGET", check=False).stdout.split()


def members(admin: Node) -> list[dict[str, Any]]:
    """The ranks as `dmg` tells of them; [] while it has no answer."""
    answer = admin.run("dmg -j system query", check=False).stdout
    return (json.loads(answer).get("response") or {}).get("members") or []


def states(admin: Node) -> dict[int, str]:
    """The state of each rank, in small letters."""
    return {member["rank"]: member["state"].lower() for member in members(admin)}
