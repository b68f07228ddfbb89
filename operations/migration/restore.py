"""The sixth stage: pools and containers are created in 2.x, and the backup is copied into them."""

import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pyinfra.api import Host

from .. import services
from ..daos import dmg, names
from ..daos.dmg import DmgError
from ..daos.node import AGENT, Node
from ..machinery import commandline, judgements
from ..machinery.run import say
from ..machinery.step import Command, always, attempt, step
from ..rules import gates
from ..rules.findings import Finding, about
from . import contents, reformat
from .contents import ContentsError
from .copying import copiers, destination, equipment, mounts
from .copying.containers import compare, copy, differences, say_equal
from .copying.copiers import CopyError
from .record.backed_up import files, folder, manifests, of_each
from .record.memory import note, remember
from .record.record import Container, Migration, Pool, now
from .run import MigrationRun, one_by_one

_CREATE_TIME = 600  # seconds that `dmg pool create` may take
_EACH = 120  # seconds that `daos container create` may take


def findings(current: MigrationRun) -> list[Finding]:
    """What stands in the way: the new system does not serve, or the backup is not what it was."""
    found = reformat.why_not_formatted(current)
    found += destination.findings(current)
    to_do = current.migration.to_restore
    if not found:
        found += manifests(current, to_do)
        parallel = any(_way(current, c) == "parallel" for c in to_do)
        # Their agents are started by this stage.
        found += [f for f in equipment.findings(current, parallel) if f.code != "no-agent"]
    return found


def _way(current: MigrationRun, container: Container) -> str:
    return container.way or current.site.way(container.bytes)


def _pool_due(current: MigrationRun, name: str, node: Node) -> bool:
    record = current.migration
    return "restore" not in record.done or not all(pool.new_uuid for pool in record.pools)


def _may_create(current: MigrationRun, view: Any) -> list[Finding]:
    found = gates.at_target(view, "servers", current.target)
    return found + judgements.members(current, view, gates.joined)


@attempt("admins", need=_pool_due, foreseen=always, gate=_may_create, once=True, code="pool-failed")
def pools_created(current: MigrationRun, here: Host) -> str | None:
    """Create the pools with their labels, as large on each tier as they were in 1.x.

    A pool that has the label already is taken up. Source: dmg v2.0.2, `dmg pool create`.
    """
    try:
        there = {pool.label: pool.uuid for pool in dmg.pools(current.dmg.ask("pool list"))}
    except DmgError as problem:
        return f"the pools are not known: {problem}"
    for pool in current.migration.pools:
        try:
            uuid = there.get(pool.label) or _create_pool(current, pool)
        except DmgError as problem:
            return _no_pool(current, pool, problem)
        if uuid != pool.new_uuid:
            unwritten = remember(current, with_new_pool(current.migration, pool, uuid))
            if unwritten:
                return unwritten
    return None


def with_new_pool(record: Migration, pool: Pool, uuid: str) -> Migration:
    """The record with a pool of 2.x; what was restored into another one is not in it."""
    record = record.with_pool(pool.uuid, new_uuid=uuid)
    containers = (
        replace(c, new_pool="", new_uuid="", restored="") if c.pool == pool.uuid else c
        for c in record.containers
    )
    return replace(record, containers=tuple(containers))


def _create_pool(current: MigrationRun, pool: Pool) -> str:
    line = create_line(pool, len(current.start.ranks))
    say(f"dmg {line}")
    return _told("dmg pool create", current.dmg.ask(line, _CREATE_TIME), "uuid")


def _told(command: str, answer: str, key: str) -> str:
    """The UUID that the answer of a command has under a key. Raises DmgError."""
    response = dmg.response(answer)
    try:
        return names.uuid(response[key])
    except ValueError as problem:
        raise DmgError(f"{command}: {problem}") from problem
    except (KeyError, TypeError) as problem:
        raise DmgError(f"{command} tells no {problem}") from problem


def create_line(pool: Pool, ranks: int) -> str:
    """What `dmg` is told to create a pool as large as it was.

    + ranks: how many ranks it is spread over; dmg wants the share of each on SCM and on NVMe
    """
    scm, nvme = (*pool.tier_bytes, 0, 0)[:2]
    words = ["pool", "create", f"--scm-size={-(-scm // ranks)}B"]
    if nvme:
        words.append(f"--nvme-size={-(-nvme // ranks)}B")
    return shlex.join([*words, pool.label])


def _no_pool(current: MigrationRun, pool: Pool, problem: DmgError) -> str:
    size = destination.gib(sum(pool.tier_bytes))
    return (
        f"pool {pool.label} ({size}, {pool.uuid} in 1.x) could not be created: {problem}. Where "
        f"its size is the reason, create it yourself on {current.dmg.admin.name}, `dmg pool create "
        f"--size=SIZE {pool.label}`, and type the same command again: it takes up a pool that has "
        "the label"
    )


def _agent_due(current: MigrationRun, name: str, node: Node) -> bool:
    return copiers.copies(current, name, node) and not node.runs(AGENT)


@step("clients", need=_agent_due, gate=services.may_start_agents)
def agents_started(current: MigrationRun, here: Host) -> Iterator[Command]:
    """Start daos_agent on the clients that copy; the others wait until all is back."""
    yield from services.start(current, here, AGENT)


def _due(current: MigrationRun, name: str, node: Node) -> bool:
    return bool(current.migration.to_restore) and copiers.is_first(current, name, node)


def _may_copy(current: MigrationRun, view: Any) -> list[Finding]:
    idle = [name for name in copiers.names(current) if not view.node(name).serves(AGENT)]
    return (
        _may_create(current, view)
        + about("no-agent", idle, "daos_agent does not run there: journalctl -u daos_agent -n 50")
        + manifests(current, current.migration.to_restore)
    )


@attempt("clients", need=_due, foreseen=copiers.is_first, gate=_may_copy, code="container-failed")
def containers_created(current: MigrationRun, here: Host) -> str | None:
    """Create the containers, of type POSIX and with their labels.

    One that has the label already is taken up. Source: daos v2.0.2, `daos container create`.
    """
    try:
        there = {(c.pool, c.label): c for c in contents.read(current).containers}
    except ContentsError as problem:
        return str(problem)
    for container in current.migration.to_carry:
        pool = current.migration.pool(container.pool).new_uuid
        known = there.get((pool, container.label))
        try:
            uuid = known.uuid if known else _create_container(current, here, pool, container)
        except DmgError as problem:
            return f"{container} could not be created as {container.label}: {problem}"
        if (pool, uuid) != (container.new_pool, container.new_uuid):
            unwritten = note(current, container, new_pool=pool, new_uuid=uuid, restored="")
            if unwritten:
                return unwritten
    return None


def _create_container(current: MigrationRun, client: Host, pool: str, container: Container) -> str:
    line = f"daos -j container create {pool} --type=POSIX --label={shlex.quote(container.label)}"
    _, output, errors = current.command(client, line, _EACH)
    return _told(f"`{line}`", output or errors, "container_uuid")


@attempt("clients", need=_due, foreseen=copiers.is_first, gate=_may_copy, code="restore-failed")
def copied(current: MigrationRun, here: Host) -> str | None:
    """Copy the backup of every container back, and compare what DAOS has then with the manifest.

    It is compared over another mount, which only reads.
    """
    for container in one_by_one(current.migration.to_restore, "{0.label}, was {0.uuid}"):
        try:
            problem = _restore(current, here, container)
        except CopyError as failure:
            problem = f"{container}: {failure}"
        if problem:
            return problem
    return None


def _restore(current: MigrationRun, client: Host, container: Container) -> str | None:
    """Copy one container back and compare it; None if it is what it was."""
    way = _way(current, container)
    place = (container.new_pool, container.new_uuid)
    # Beside the backup: beside the mount point a reboot would forget it.
    marker = f"{folder(current, container)}/restore-{container.new_uuid}.json"
    with mounts.mounted(current, copiers.of_way(current, way), *place, read_only=False) as target:
        source, options = files(current, container), ("--mounted", target, "--marker", marker)
        copy(current, client, container, "restore", source, target, way, *options)
    with mounts.mounted(current, [client], *place) as target:
        result = compare(current, client, container, "restored", target, "--mounted", target)
        say_equal(result)
    said = differences(result)
    if said:
        return (
            f"{container.label} is not what {container} was: {said}. See that nobody writes "
            f"to it, then type the same command again: {commandline.typed()}"
        )
    return note(current, container, restored=now())


def why_not_restored(current: MigrationRun) -> list[Finding]:
    """What is not restored; nothing is an empty list."""
    message = "{} is not restored: type stage=restore"
    return of_each("not-restored", current.migration.to_restore, message)
