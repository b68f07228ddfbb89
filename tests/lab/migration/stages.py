"""The stages of a migration, typed at a site, and what there is to see of them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from testbed.lab.container import Node
from testbed.lab.harness import LabNode

from .. import usage
from ..site import ADMIN, CLIENT, SERVER, Outcome, Site

MIGRATE = "deploys/migrate.py"
BACKED_UP = ("check", "backup", "verify")
RECORD = "/var/lib/daos-offline-update/migration.json"
SYSTEM: dict[str, Any] = {"system": "daos_server"}
ADMIN_1 = "daos-admin-01"
CLIENT_1, CLIENT_2 = "daos-client-01", "daos-client-02"

# A small site of 1.2, on whose first client dmg is, too
NODES = [
    LabNode("daos-server-01", SERVER, "el83"),
    LabNode(CLIENT_1, ADMIN | CLIENT, "el83"),
    LabNode(CLIENT_2, CLIENT, "el83"),
]

# Turns the first bit of a file around.
FLIP = """
import sys
file = open(sys.argv[1], "r+b")
first = file.read(1)[0]
file.seek(0)
file.write(bytes([first ^ 1]))
"""

# Every entry of a tree with all that has to be kept: read by none of the programs under test.
_WALK = r"""
import hashlib, json, os, stat, sys
found, groups = {}, {}
root = os.fsencode(sys.argv[1])
for folder, names, files in os.walk(root):
    for name in [b"."] + [n for n in names if os.path.islink(os.path.join(folder, n))] + files:
        path = os.path.join(folder, name)
        state = os.lstat(path)
        entry = [stat.S_IFMT(state.st_mode), state.st_uid, state.st_gid, state.st_mtime_ns]
        if stat.S_ISLNK(state.st_mode):
            entry.append(os.fsdecode(os.readlink(path)))
        else:
            entry.append(stat.S_IMODE(state.st_mode))
        if stat.S_ISREG(state.st_mode):
            entry.append(hashlib.sha256(open(path, "rb").read()).hexdigest())
            groups.setdefault(state.st_ino, []).append(os.fsdecode(os.path.relpath(path, root)))
        if not stat.S_ISLNK(state.st_mode):
            entry += [(k, os.getxattr(path, k).hex()) for k in sorted(os.listxattr(path))]
        found[os.fsdecode(os.path.relpath(path, root))] = entry
links = sorted(sorted(group) for group in groups.values() if len(group) > 1)
print(json.dumps([found, links], sort_keys=True))
"""


def stage(site: Site, name: str, *flags: str, **data: Any) -> Outcome:
    return site.pyinfra(MIGRATE, "-y", *flags, stage=name, **data)


def done(site: Site, *names: str, **data: Any) -> None:
    """Go through these stages, all of which end well."""
    for name in names:
        outcome = stage(site, name, **data)
        assert (outcome.exit_code, site.report["outcome"]) == (0, "complete"), outcome.output


def up_to(site: Site, last: str) -> None:
    """Go through the stages up to this one, "verify" at most, as far as that is not done already.

    What tests do to files in DAOS or in the backup they mend themselves.
    """
    names = BACKED_UP[: BACKED_UP.index(last) + 1]
    reached = _reached(site)
    done(site, *itertools.dropwhile(reached.__contains__, names))


def _reached(site: Site) -> set[str]:
    """The stages that are recorded, and for all that the system holds now."""
    text = admin(site).read(RECORD)
    known = json.loads(text) if text else {"done": {}, "containers": []}
    held = known["containers"]
    if {(c["pool"], c["uuid"]) for c in held} != set(containers(site)):
        return set()
    signs = {"backup": "backed_up", "verify": "verified"}
    return {name for name in known["done"] if all(c[signs.get(name, "uuid")] for c in held)}


def interrupted(
    site: Site, name: str, words: str, first: Callable[[], object] = lambda: None, **data: Any
) -> Outcome:
    """A stage that is ended by `kill -9` when it says these words."""

    def end() -> None:
        first()
        site.kill()

    arguments = (MIGRATE, "-y")
    return site.typed_until(words, end, *arguments, stage=name, **data)


def codes(site: Site) -> dict[str, list[str]]:
    """What the last run was refused for: codes to nodes."""
    found: dict[str, list[str]] = {}
    for finding in [*site.report["refusals"], *site.report["failures"]]:
        found.setdefault(finding["code"], []).extend(finding["hosts"])
    return found


def admin(site: Site) -> Node:
    """Where dmg is, and what the migration remembers."""
    return site.lab.having("admins")[0]


def record(site: Site) -> Any:
    return json.loads(admin(site).read(RECORD))


def formats(site: Site) -> int:
    """How often storage of a server was formatted so far."""
    return sum(event["event"] == "storage-formatted" for event in site.lab.events())


def containers(site: Site) -> list[tuple[str, str]]:
    """Pool and container UUIDs of the live system."""
    answer = json.loads(admin(site).run("dmg -j pool list").stdout)
    pools = [pool["uuid"] for pool in answer["response"]["pools"]]
    client = site.lab.node(CLIENT_1)
    return [
        (pool, container)
        for pool in pools
        for container in client.run(f"daos pool list-containers --pool={pool}").stdout.split()
    ]


def data_of(site: Site, backup: str, number: int = 0) -> str:
    """Where the files of a container lie in the backup."""
    pool, container = containers(site)[number]
    return f"{backup}/{pool}/{container}/data"


def tree(node: Node, path: str) -> Any:
    return json.loads(node.run(f"python3 -c '{_WALK}' '{path}'").stdout)


def digest(site: Site, pool: str, container: str) -> str:
    line = f"daos-job {pool} {container} --digest"
    return site.lab.node(CLIENT_1).run(line).stdout.strip()


def left_mounts(site: Site) -> list[str]:
    """Where dfuse is mounted on a client."""
    return [place for name in (CLIENT_1, CLIENT_2) for place in usage.mounts(site.lab.node(name))]


def state_of(node: Node, unit: str) -> str:
    """Whether a unit is active, and whether it is enabled."""
    asked = (node.run(f"systemctl is-{verb} {unit}", check=False) for verb in ("active", "enabled"))
    return " ".join(answer.stdout.strip() for answer in asked)


def assert_serving(node: Node, unit: str) -> None:
    """Fail unless a unit runs, and starts at boot."""
    assert state_of(node, unit) == "active enabled"


# Backups that are held up

# A dcp that waits as long as a file is there: what is done meanwhile is done in the middle.
# It sees of a node little else than /usr, and of the lab what the events of each program go to.
_HOLD = "/usr/local/hold"
_HELD = f'#!/bin/sh\nwhile [ -e {_HOLD} ]; do sleep 0.1; done\nexec dcp "$@"\n'
PARALLEL = {
    "copy_way": "parallel",
    "dcp": "/usr/local/bin/held-dcp",
    "copy_needs": ["/var/log/daos-lab"],
}


@contextmanager
def held_copy(site: Site) -> Iterator[Node]:
    """A backup is about to be made whose copies wait until `release`."""
    clients = [site.lab.node(name) for name in (CLIENT_1, CLIENT_2)]
    clients[0].run("rm -rf /backup/*")
    for client in clients:
        client.run(f"printf %s '{_HELD}' > /usr/local/bin/held-dcp")
        client.run("chmod 755 /usr/local/bin/held-dcp")
    hold(site)
    done(site, "check", **PARALLEL)
    try:
        yield clients[0]
    finally:
        release(site)


def hold(site: Site) -> None:
    for name in (CLIENT_1, CLIENT_2):
        site.lab.node(name).run(f"touch {_HOLD}")


def release(site: Site) -> None:
    for name in (CLIENT_1, CLIENT_2):
        site.lab.node(name).run(f"rm -f {_HOLD}")


def held(client: Node) -> bool:
    return client.run("pgrep -x held-dcp", check=False).exit_code == 0


def backup_until(site: Site, words: str, do: Callable[[], object]) -> Outcome:
    """Type stage=backup; on the first line with `words`, do something."""
    return site.typed_until(words, do, MIGRATE, "-y", stage="backup", **PARALLEL)
