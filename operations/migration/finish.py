"""The last stage: everybody may use DAOS again, and what was stands beside what is."""

from collections.abc import Iterator

from pyinfra.api import Host

from ..machinery.run import say
from ..machinery.step import attempt
from ..rules.findings import Finding
from . import contents, reformat, restore
from .contents import Contents, ContentsError
from .copying import copiers, destination
from .record import memory
from .record.record import Migration
from .run import MigrationRun


def findings(current: MigrationRun) -> list[Finding]:
    """What stands in the way: something is not restored, or the new system does not serve."""
    return reformat.why_not_formatted(current) + restore.why_not_restored(current)


@attempt("clients", need=copiers.is_first, looks=True)
def inventoried(current: MigrationRun, here: Host) -> str | None:
    """See that the new system holds every pool and container that was to come along, and show it.

    Nothing is removed: neither the backup, nor the record, nor the configuration files of 1.x.
    """
    try:
        missing = list(lost(current.migration, contents.read(current)))
    except ContentsError as problem:
        return str(problem)
    if missing:
        return "; ".join(missing)
    for line in [*table(current.migration), *_notes(current)]:
        say(line)
    return None


def lost(record: Migration, now: Contents) -> Iterator[str]:
    """Pools and containers that were restored and are not there (any more)."""
    pools = {pool.uuid for pool in now.pools}
    containers = {(container.pool, container.uuid) for container in now.containers}
    for pool in record.pools:
        if pool.new_uuid not in pools:
            yield f"pool {pool.label} ({pool.new_uuid}) is not there: type stage=restore"
    for container in record.to_carry:
        if (container.new_pool, container.new_uuid) not in containers:
            name = f"container {container.label} ({container.new_uuid})"
            yield f"{name} is not there any more: see who removed it"


def table(record: Migration) -> Iterator[str]:
    """What was and what is: label, UUID before and after, files and bytes."""
    yield f"{'':10}{'label':24}{'in 1.x':38}{'in 2.x':38}{'files':>12}{'bytes':>20}"
    for pool in record.pools:
        yield f"{'pool':10}{pool.label:24}{pool.uuid:38}{pool.new_uuid:38}"
        for c in (c for c in record.containers if c.pool == pool.uuid):
            if c in record.to_carry:
                yield (
                    f"{'container':10}{c.label:24}{c.uuid:38}{c.new_uuid:38}"
                    f"{c.files:>12,}{c.bytes:>20,}"
                )
            else:
                yield f"{'container':10}{'':24}{c.uuid:38}left behind ({c.type})"


def _notes(current: MigrationRun) -> Iterator[str]:
    record = current.migration
    size = destination.gib(sum(container.bytes for container in record.to_carry))
    yield f"the backup ({size}) lies in {current.site.backup_path}; it is yours to remove"
    yield f"the record of the migration is {memory.PATH} on {current.dmg.admin.name}"
    yield (
        "pools and containers belong to root now: what `dmg pool get-acl` and `daos container "
        "get-acl` showed in 1.x has to be set again"
    )
