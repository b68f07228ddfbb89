"""Whether the backup is complete and verified, for all that the system holds."""

import shlex
from collections.abc import Iterable, Iterator

from ...rules.findings import Finding
from .. import contents
from ..contents import Contents, ContentsError
from ..copying import copiers
from ..run import MigrationRun
from .record import Container, Migration

_AT_ONCE = 200  # paths in one command line
_AGAIN = "type stage=check again, then stage=backup and stage=verify"


def folder(current: MigrationRun, container: Container) -> str:
    """Where the backup of a container lies."""
    return f"{current.site.backup_path}/{container.pool}/{container.uuid}"


def files(current: MigrationRun, container: Container) -> str:
    """Where the files of a container lie in its backup."""
    return f"{folder(current, container)}/data"


def manifest(current: MigrationRun, container: Container) -> str:
    """Where the manifest of a container lies in its backup."""
    return f"{folder(current, container)}/manifest.mtree"


def of_each(code: str, containers: Iterable[Container], message: str) -> list[Finding]:
    """A finding for each of these containers.

    + message: what is said of one, for which {} stands
    """
    return [Finding(code, (), message.format(container)) for container in containers]


def not_backed_up(containers: Iterable[Container]) -> list[Finding]:
    """Those of these containers that are not backed up."""
    lacking = [container for container in containers if not container.backed_up]
    return of_each("not-backed-up", lacking, "{} is not backed up: type stage=backup")


def why_not_backed_up(current: MigrationRun) -> list[Finding]:
    """What is missing for the backup to stand for the system: nothing is an empty list.

    Every container to carry over is backed up and verified, and its manifest in the backup is the
    one that was recorded. While 1.x serves, it holds nothing else than what was recorded.
    """
    record = current.migration
    if not record.recorded:
        return [Finding("no-backup", (), f"no migration is recorded: {_AGAIN}")]
    found = list(_unfinished(record))
    found += manifests(current, record.to_carry)
    if contents.serves_old(current, current.seen):
        found += as_recorded(current)
    return found


def _unfinished(record: Migration) -> Iterator[Finding]:
    yield from of_each("not-carried", record.undecided, f"{{0}} is {{0.type}}: {_AGAIN}")
    for container in record.to_carry:
        yield from not_backed_up([container])
        if container.backed_up and not container.verified:
            message = f"the backup of {container} is not verified: type stage=verify"
            yield Finding("not-verified", (), message)


def manifests(current: MigrationRun, containers: Iterable[Container]) -> list[Finding]:
    """Manifests in the backup that are not the recorded ones."""
    written = [container for container in containers if container.manifest]
    batches = (written[i : i + _AT_ONCE] for i in range(0, len(written), _AT_ONCE))
    return [finding for batch in batches for finding in _manifests(current, batch)]


def _manifests(current: MigrationRun, containers: list[Container]) -> list[Finding]:
    client = copiers.first(current)
    paths = {manifest(current, container): container for container in containers}
    line = shlex.join(["sha256sum", "--", *paths])
    _, output, errors = current.command(client, line, timeout=300)
    read = {path: digest for digest, _, path in (x.partition("  ") for x in output.splitlines())}
    return [
        Finding(
            "manifest-changed",
            (client.name,),
            f"{path} is missing there or not the one that was written ({errors.strip() or 'read'})"
            ": see that the backup is mounted; else type stage=backup again",
        )
        for path, container in paths.items()
        if read.get(path) != container.manifest
    ]


def as_recorded(current: MigrationRun) -> list[Finding]:
    """What the live system holds besides what was recorded, and what it holds no more."""
    try:
        return list(differences(current.migration, contents.read(current)))
    except ContentsError as problem:
        return [Finding("contents-unknown", (), str(problem))]


def differences(record: Migration, now: Contents) -> Iterator[Finding]:
    """Pools and containers that came or went since they were recorded."""
    held = (("pool", record.pools, now.pools), ("container", record.containers, now.containers))
    for kind, then, there in held:
        before, after = {entry.uuid for entry in then}, {entry.uuid for entry in there}
        for uuid in sorted(after - before):
            message = f"{kind} {uuid} has been created since the check: {_AGAIN}"
            yield Finding(f"{kind}-added", (), message)
        for uuid in sorted(before - after):
            message = f"{kind} {uuid} is there no more since the check: {_AGAIN}"
            yield Finding(f"{kind}-removed", (), message)
