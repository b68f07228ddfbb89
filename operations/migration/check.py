"""The first stage: everything that the migration needs is looked at, and all that lacks is said."""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from secrets import token_hex
from typing import Any

from pyinfra.api import Host

from ..checks import installed
from ..daos.releases import Version
from ..machinery import commandline, judgements
from ..machinery.run import say
from ..machinery.step import Command, attempt, refuse, step, verify
from ..rules import gates
from ..rules.findings import Finding, about, grouped
from . import contents, conversion, operating_systems
from .contents import Contents, ContentsError
from .copying import access, copiers, destination, equipment, jobs, mounts
from .copying.copiers import CopyError
from .record import memory
from .record.backed_up import files, of_each
from .record.record import STAGES, Container, Migration, Pool, now
from .run import MigrationRun, one_by_one

_KNOWN = ("1.0", "1.2")  # what was between them was never released
_USUAL = "1.2.0"
_CONTROL = "/etc/daos/daos_control.yml /etc/daos/daos.yml"  # of 1.2, of 1.0
_NAME = (
    f"sed -n 's/^name: *[\"'\\'']*\\([^\"'\\'' #]*\\).*/\\1/p' {_CONTROL} 2>/dev/null | head -n 1"
)


def learn(current: MigrationRun) -> None:
    """Read what the system holds into the record; why that is not known, is noticed."""
    if list(_versions(current)):
        return
    conversion.learn(current)
    current.learn_ranks()
    try:
        current.migration = _record(current, contents.read(current))
    except ContentsError as problem:
        current.noticed = [Finding("contents-unknown", (), str(problem))]


def is_known(current: MigrationRun) -> bool:
    """Whether it is known what the system holds, so that the stage may go on to try the rest."""
    return not (commandline.dry() or current.noticed or list(_versions(current)))


def findings(current: MigrationRun) -> list[Finding]:
    """What is wrong as far as looking tells; what is written and mounted is tried later.

    Where the system's contents are known, the stage goes on, and says all that is wrong at once.
    """
    found = list(_versions(current))
    if found:
        return found
    found += installed.not_installed(current.start, Version.parse(_release(current)))
    found += installed.half_installed(current.start)
    found += operating_systems.findings(current)
    found += gates.one_distribution(current.start)
    found += current.unconvertible
    found += _health(current)
    found += destination.findings(current)
    if current.noticed:
        return [*found, *equipment.findings(current, parallel=False), *current.noticed]
    found += carried(current.migration, current.site.leave_behind)
    found += labels(current.migration, current.site.pool_labels, current.site.container_labels)
    if commandline.dry():
        return [*found, *equipment.findings(current, current.site.copy_way == "parallel")]
    return found


def _versions(current: MigrationRun) -> Iterator[Finding]:
    """All nodes have one 1.x release, and the target is 2.x."""
    target = current.target
    if target.major < 2:
        message = f"target_release is {target}, and this leads from 1.x to 2.0 or later: set it"
        yield Finding("no-migration", (), message)
    releases = _releases(current)
    later = [name for name, version in releases.items() if version.major > 1]
    yield from about("not-1.x", later, _not_old(current))
    unknown = [name for name, v in releases.items() if v.major < 2 and v.series not in _KNOWN]
    yield from about(
        "unknown-release",
        unknown,
        f"this reads DAOS {' and '.join(_KNOWN)} alone: bring the system to {_USUAL} first, or "
        "copy its containers out yourself (`dfuse`) and install 2.x anew",
    )
    found = sorted(set(releases.values()))
    if len(found) > 1 and not later:
        parts = ", ".join(map(str, found))
        message = f"the nodes have several releases ({parts}): bring them to one of them first"
        yield Finding("mixed-versions", tuple(releases), message)


def _releases(current: MigrationRun) -> dict[str, Version]:
    """The nodes that have a known release of DAOS, with that."""
    nodes = current.start.of().items()
    return {name: node.version for name, node in nodes if node.version}


def _not_old(current: MigrationRun) -> str:
    if "verify" in current.migration.done:
        following = current.migration.following or STAGES[-1]
        return (
            "DAOS 2.x is installed there, and this migration is past its checks: go on with "
            f"stage={following}"
        )
    return "DAOS 2.x is installed there already: `pyinfra inventory deploy.py` updates that"


def _health(current: MigrationRun) -> list[Finding]:
    """Every rank Joined, every pool whole: as before an update."""
    if not current.start.serving:
        message = "no engine runs, and the data is read through them: start DAOS first"
        return about("not-serving", current.start.groups["servers"], message)
    start = current.start
    return judgements.members(current, start, gates.joined) + judgements.pools(current, start)


def _release(current: MigrationRun) -> str:
    """The release that all nodes have; the usual one where none is known."""
    return str(next(iter(_releases(current).values()), _USUAL))


def _record(current: MigrationRun, held: Contents) -> Migration:
    """What was found, with what an earlier run has reached already."""
    site, earlier = current.site, current.migration
    known = {entry.uuid: entry for entry in earlier.containers}
    containers = (
        replace(known.get(c.uuid, c), type=c.type, label=site.container_label(c.uuid))
        for c in held.containers
    )
    pools = (replace(pool, label=site.pool_label(pool.uuid)) for pool in held.pools)
    _, name, _ = current.command(current.dmg.admin, _NAME)
    return Migration(
        system=name.strip() or "daos_server",
        began=earlier.began or now(),
        before=_release(current),
        after=str(current.target),
        token=earlier.token or token_hex(8),
        servers=current.start.groups["servers"],
        ranks=current.start.ranks,
        pools=tuple(pools),
        containers=tuple(containers),
        left_behind=tuple(site.leave_behind),
        done=earlier.done,
    )


def carried(record: Migration, leave_behind: Iterable[str]) -> Iterator[Finding]:
    """Containers that cannot be copied as files need the site's word, and no other name has one."""
    known = {container.uuid for container in record.containers}
    yield from of_each(
        "not-posix",
        record.undecided,
        "{0} is of type {0.type}, and only POSIX containers can be copied as files: save it by its "
        "own means, then name it in leave_behind",
    )
    for uuid in leave_behind:
        if uuid not in known:
            yield Finding("bad-setting", (), f"leave_behind: there is no container {uuid}")


def labels(
    record: Migration, of_pools: Iterable[str], of_containers: Iterable[str]
) -> Iterator[Finding]:
    """Labels are unique: of pools in the system, of containers in their pool.

    + of_pools, of_containers: the UUIDs that the site gives labels to
    """
    for setting, given, known in (
        ("pool_labels", of_pools, {pool.uuid for pool in record.pools}),
        ("container_labels", of_containers, {c.uuid for c in record.containers}),
    ):
        for uuid in sorted(set(given) - known):
            yield Finding("bad-setting", (), f"{setting}: there is nothing of UUID {uuid}")
    yield from _doubles("pools", "pool_labels", record.pools)
    for pool in record.pools:
        inside = [c for c in record.to_carry if c.pool == pool.uuid]
        yield from _doubles(f"containers of pool {pool.uuid}", "container_labels", inside)


def _doubles(
    what: str, setting: str, entries: Iterable[Pool] | Iterable[Container]
) -> Iterator[Finding]:
    for label, uuids in grouped((entry.uuid, entry.label) for entry in entries).items():
        message = f"{what} {', '.join(uuids)} would all be {label!r}: name them in {setting}"
        if len(uuids) > 1:
            yield Finding("label-twice", (), message)


@attempt("clients", need=copiers.copies, prepares=True)
def equipped(current: MigrationRun, here: Host) -> str | None:
    """Put the tool that copies and compares on each client that copies."""
    return jobs.put_tool(current, here)


@attempt("clients", need=copiers.is_first, prepares=True)
def shut(current: MigrationRun, here: Host) -> None:
    """Take back the key that an interrupted run may have left on the clients that copy."""
    access.shut(current)


@attempt("clients", need=copiers.is_first, prepares=True)
def tried(current: MigrationRun, here: Host) -> None:
    """See that the destination keeps all of a file, and that all clients share it.

    Source: "backed up to non-DAOS storage before the update" (DAOS 2.0, update from 1.x).
    """
    wrong = {finding.code for finding in current.noticed}
    if not wrong & {"no-destination", "destination-is-daos"}:
        current.noticed += destination.attempts(current)


@attempt("clients", need=copiers.is_first, prepares=True)
def counted(current: MigrationRun, here: Host) -> None:
    """Count the files of every container to carry over, mounted read-only by dfuse."""
    needed = entries = 0
    missing = list(equipment.findings(current, parallel=False))
    containers = () if missing else current.migration.to_carry
    for container in one_by_one(containers, "counting {}"):
        try:
            number, folders, size = _survey(current, here, container)
        except CopyError as problem:
            current.noticed.append(Finding("cannot-read", (here.name,), str(problem)))
            continue
        current.migration = current.migration.with_container(
            container.uuid,
            files=number,
            bytes=size,
            way=container.way if container.backed_up else current.site.way(size),
        )
        there, inodes = _already(current, here, container)
        needed, entries = needed + max(0, size - there), entries + max(0, number + folders - inodes)
    current.noticed += destination.room(current, needed, entries)
    parallel = copiers.in_parallel(current)
    current.noticed += equipment.findings(current, parallel)
    if parallel:
        current.noticed += equipment.try_dcp(current)
        current.noticed += equipment.try_mpirun(current)


def _survey(current: MigrationRun, client: Host, container: Container) -> tuple[int, int, int]:
    """How many files and links, how many folders, and how many bytes a container holds."""
    with mounts.mounted(current, [client], container.pool, container.uuid) as source:
        words = ["survey", source, *mounts.as_mounted(source, container.uuid)]
        found = jobs.run(current, client, f"{container.uuid}-survey", *words)
    return _files(found), found["folders"], found["bytes"]


def _files(found: dict[str, Any]) -> int:
    """All that is no folder."""
    return found["files"] + found["links"] + found["others"]


def _already(current: MigrationRun, client: Host, container: Container) -> tuple[int, int]:
    """Bytes and files of a backup that was begun."""
    path = files(current, container)
    done, _, _ = current.command(client, f"test -d {shlex.quote(path)}")
    if not done:
        return 0, 0
    found = jobs.run(current, client, f"{container.uuid}-there", "survey", path)
    return found["bytes"], _files(found) + found["folders"]


@step("admins", once=True, prepares=True)
def concluded(current: MigrationRun, here: Host) -> Iterator[Command]:
    """Say all that is wrong; where nothing is, record what the system holds, and show it."""
    found = list(dict.fromkeys(current.noticed))
    if found:
        yield refuse(current, found)
        return
    yield verify(current, lambda: memory.complete(current))
    yield verify(current, lambda: _show(current))


def _show(current: MigrationRun) -> None:
    for line in (*table(current.migration), *operating_systems.notes(current)):
        say(line)
    users = memory.users(current)
    if users:
        say(f"in use now, and to be ended before the backup: {users}")


def table(record: Migration) -> Iterator[str]:
    """Pools and containers, one a line: type, files, size, and how it is copied."""
    for pool in record.pools:
        size = destination.gib(sum(pool.tier_bytes))
        yield f"pool {pool.uuid}  {size}  -> {pool.label}"
        for container in (c for c in record.containers if c.pool == pool.uuid):
            if container in record.to_carry:
                what = (
                    f"{container.files:>12,} files  {destination.gib(container.bytes):>11}  "
                    f"{container.way:8}  -> {container.label}"
                )
            else:
                what = "stays behind, and is lost"
            yield f"  container {container.uuid}  {container.type:6}  {what}"
