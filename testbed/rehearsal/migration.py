"""The rehearsal of a migration: a lab with DAOS 1.x and real files is led to 2.0, stage by stage.

`python -m testbed rehearse-migration`. Every stage is typed as an administrator types it. What the
containers held before is compared with what they hold at the end, as clients read it.
"""

import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.lab import backup, system
from testbed.lab.container import Node
from testbed.lab.harness import Lab
from testbed.referee import judge, lines
from testbed.rehearsal import session

VERSION, FLAVOUR, FILES = "1.2.0", "el83", 12_000
_TOOL = "/var/lib/daos-offline-update/migrate.pyz"
_LIBRARY = "/usr/lib64/libioil.so"
_MOUNT = "/run/daos-lab/ways"
_HOSTS = "/root/hosts"
_PROCESSES = 6


@dataclass(frozen=True)
class Contents:
    """What the lab holds before the migration.

    + files: how many files and links each POSIX container has, by its UUID
    + pools: the pool of each of them
    + left_behind: the container that is none
    """

    files: dict[str, int]
    pools: dict[str, str]
    left_behind: str


def stages(contents: Contents) -> dict[str, dict[str, str]]:
    """The stages in their order, each with the settings that it is typed with.

    The files are copied in parallel, out of DAOS and back.
    """
    left_behind = {"leave_behind": contents.left_behind}
    return {
        "check": left_behind,
        "backup": {**left_behind, "copy_way": "parallel"},
        "verify": left_behind,
        "install": left_behind,
        "format": {**left_behind, "system": "daos_server"},
        "restore": left_behind,
        "finish": left_behind,
    }


def rehearse(inventory: Path, version: str, flavour: str, files: int) -> int:
    """Lead a lab from 1.x to 2.0 and judge it; give the exit code: 0 only if all is well.

    + files: how many files it has in its containers, all together
    """
    more = {"seed": False, "backup_mib": 0}
    with session.lab_of_its_own("migration", inventory, version, flavour, **more) as lab:
        contents = make_contents(lab, files)
        session.say_where_time_went(lab.timings)
        return _rehearse_on(lab, inventory, contents)


def make_contents(lab: Lab, files: int) -> Contents:
    """Format the storage; make two pools, three POSIX containers with files, and another one."""
    admin, client = lab.having("admins")[0], lab.having("clients")[0]
    session.say("formatting the storage")
    system.format_storage(admin, lab.having("servers"), lab.version)
    first, second = system.make_pools(admin, lab.version).values()
    counts = [files // 2, files // 3, files - files // 2 - files // 3]
    made: dict[str, int] = {}
    pools: dict[str, str] = {}
    for seed, (pool, count) in enumerate(zip((first, first, second), counts, strict=True), start=1):
        session.say(f"writing {count:,} files into a container")
        uuid = system.make_container(client, pool, "POSIX", lab.version)
        client.run(f"daos-job {pool} {uuid} --tree {count} --seed {seed}")
        made[uuid], pools[uuid] = count, pool
    other = system.make_container(client, second, "HDF5", lab.version)
    client.run(f"daos-job {second} {other} --write {system.OBJECTS}")
    return Contents(made, pools, other)


def _rehearse_on(lab: Lab, inventory: Path, contents: Contents) -> int:
    before = digests(lab, contents.pools)
    lab.note_contents(before)
    failed = _typed_all(lab, inventory, contents)
    run = session.newest_run() or session.RUNS.absolute()
    record = session.written(run / "migration.json")
    after: dict[str, str] = {}
    if not failed:
        new = moved(record)
        after = digests(lab, {uuid: pool for pool, uuid in new.values()})
        lab.note_contents(after)
        after = {old: after[uuid] for old, (_, uuid) in new.items()}
    lab.collect_events(run / "events.jsonl")
    verdicts = judge(lab.events())
    for line in lines(verdicts, sys.stdout.isatty()):
        session.say(line)
    complaints = [failed] if failed else list(differences(before, after))
    complaints += session.broken_rules(verdicts)
    for line in [] if failed else table(contents.files, before, after):
        session.say(line)
    total = f"{sum(contents.files.values()):,} files in {len(contents.files)} containers"
    return session.concluded(complaints, run, success=f"{total}: all identical")


def _typed_all(lab: Lab, inventory: Path, contents: Contents) -> str:
    """Type every stage; "" if all of them went well, else what did not."""
    for stage, settings in stages(contents).items():
        data = {"stage": stage, **settings}
        words = [word for key, value in data.items() for word in ("--data", f"{key}={value}")]
        code = session.typed(lab, inventory, "deploys/migrate.py", "-y", *words)
        if code != 0:
            return f"the stage {stage} exited with {code}"
        if stage == "backup":
            for line in _ways(lab, contents):
                session.say(line)
    return ""


def digests(lab: Lab, pools: Mapping[str, str]) -> dict[str, str]:
    """A checksum over all that each container holds, as a client reads it.

    + pools: the pool of each container
    """
    client = lab.having("clients")[0]
    return {uuid: system.digest(client, pool, uuid) for uuid, pool in pools.items()}


def moved(record: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The pool and the UUID that each container has in 2.0, by its UUID in 1.x."""
    return {
        container["uuid"]: (container["new_pool"], container["new_uuid"])
        for container in record.get("containers", ())
        if container.get("new_uuid")
    }


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """A sentence about each container that does not hold what it held."""
    for uuid, digest in before.items():
        if uuid not in after:
            yield f"the container {uuid} was not restored"
        elif after[uuid] != digest:
            yield f"the container {uuid} holds something else than before"


def table(
    files: Mapping[str, int], before: Mapping[str, str], after: Mapping[str, str]
) -> Iterator[str]:
    """What each container held before, and what it holds now."""
    yield f"{'container in 1.x':36}  {'files':>7}  {'before':16}  {'after':16}"
    for uuid, digest in before.items():
        yield f"{uuid}  {files[uuid]:7,}  {digest[:16]}  {after.get(uuid, 'nothing')[:16]}"


# Both ways of copying, on the same files


def _ways(lab: Lab, contents: Contents) -> Iterator[str]:
    """Copy the smallest container once more, each way, by the tool that the deploy put there."""
    clients = lab.having("clients")
    uuid = min(contents.files, key=lambda uuid: contents.files[uuid])
    options = f"--pool={contents.pools[uuid]} --container={uuid} --mountpoint={_MOUNT}"
    hosts = "".join(f"{client.name}\n" for client in clients)
    clients[0].run(f"printf %s {shlex.quote(hosts)} > {_HOSTS}")
    try:
        for client in clients:
            client.run(f"mkdir -p {_MOUNT} && dfuse {options}")
        with backup.trusted(clients):
            results = {way: _copied(clients[0], way) for way in ("serial", "parallel")}
    finally:
        for client in clients:
            client.run(f"fusermount3 -u {_MOUNT}", check=False)
        clients[0].run(f"rm -r {backup.PATH}/ways", check=False)
    yield from ways_table(results, len(clients))


def _copied(client: Node, way: str) -> dict[str, Any]:
    """What the copy tool says of a copy of what is mounted."""
    command = f"python3 {_TOOL} copy --from {_MOUNT} --to {backup.PATH}/ways/{way} --way {way}"
    if way == "parallel":
        command += f" --processes {_PROCESSES} --hosts {_HOSTS} --mpirun mpirun --dcp dcp"
    said = client.run(f"mkdir -p {backup.PATH}/ways && {command} --preload {_LIBRARY}").stdout
    result: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    return result


def ways_table(results: Mapping[str, Mapping[str, Any]], clients: int) -> Iterator[str]:
    """How long each way took for the same files."""
    who = {
        "serial": "cp on one client",
        "parallel": f"dcp, {_PROCESSES} processes on {clients} clients",
    }
    yield f"{'the same files, copied':42}  {'files':>7}  {'MiB':>7}  {'seconds':>7}  {'files/s':>7}"
    for way, result in results.items():
        name, seconds = f"{way} ({who[way]})", float(result["seconds"])
        rate = result["files"] / seconds if seconds else 0.0
        size = result["bytes"] / 2**20
        yield f"{name:42}  {result['files']:7,}  {size:7.1f}  {seconds:7.1f}  {rate:7.0f}"
