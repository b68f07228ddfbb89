"""The record of a migration on the admin node: read at the start, written as soon as it changes."""

import base64
import hashlib
import shlex
from contextlib import suppress
from typing import Any

from pyinfra import logger
from pyinfra.api import Host

from ...machinery.step import attempt
from ...rules.findings import Finding
from ..copying import copiers
from ..run import MigrationRun
from .record import PATH, READ, Container, Migration

# Bytes that go as a part of one command line, which ends at 128 KiB.
_IN_A_LINE = 64 * 1024


def recall(current: MigrationRun) -> list[Finding]:
    """Read the record of an earlier stage; it stays blank where there was none."""
    done, output, errors = current.command(current.dmg.admin, READ)
    where = (current.dmg.admin.name,)
    if not done:
        return [Finding("no-record", where, f"{PATH} cannot be read: {errors.strip()}")]
    current.recalled = output
    try:
        current.migration = Migration.parse(output) or current.migration
    except ValueError as problem:
        message = (
            f"{problem}: put back the copy in runs/ or {current.site.backup_path}, or move it "
            "away and begin again with stage=check"
        )
        return [Finding("damaged-record", where, message)]
    return []


def remember(current: MigrationRun, changed: Migration) -> str | None:
    """Write the record to the admin node, and copies into the backup and the folder of this run.

    Returns None if it is safe on the admin node, else what went wrong. That a copy could not be
    written is only said: the file system of the backup may be full.
    """
    text = changed.text().encode()
    problem = put(current, current.dmg.admin, PATH, text)
    if problem:
        return problem
    current.migration = changed
    _copy(current, text)
    return None


def note(current: MigrationRun, container: Container, **changes: Any) -> str | None:
    """Record how far a container is, at once; answers as `remember` does."""
    return remember(current, current.migration.with_container(container.uuid, **changes))


def _copy(current: MigrationRun, text: bytes) -> None:
    if current.folder:
        with suppress(OSError):  # a full disk here; that it is full was said
            (current.folder / "migration.json").write_bytes(text)
    path = f"{current.site.backup_path}/migration.json"
    problem = put(current, copiers.first(current), path, text)
    if problem:
        logger.warning(f"the copy of the record beside the backup was not written: {problem}")


def put(current: MigrationRun, host: Host, path: str, content: bytes) -> str | None:
    """Write a file on a node such that it is whole or not there at all; else what went wrong."""
    for line in writing(path, content):
        done, _, errors = current.command(host, line)
        if not done:
            return f"{path} could not be written on {host.name}: {errors.strip() or 'no space?'}"
    return None


def writing(path: str, content: bytes) -> list[str]:
    """The shell commands that write a file that root alone can read, one after the other.

    Not an upload: that needs SFTP, which some sites switch off and login scripts can break. A link
    that somebody has put in the place of the draft is not followed, and does no harm.
    """
    draft = shlex.quote(f"{path}.new")
    folder = shlex.quote(path.rpartition("/")[0])
    digest = hashlib.sha256(content).hexdigest()
    pieces = (content[at : at + _IN_A_LINE] for at in range(0, max(1, len(content)), _IN_A_LINE))
    lines = [f"echo {base64.b64encode(p).decode()} | base64 -d >> {draft}" for p in pieces]
    made = f"umask 077 && mkdir -p {folder} && rm -f {draft} && set -C && : > {draft}"
    lines[0] = f"{made} && {lines[0]}"
    lines[-1] += (
        f" && sha256sum {draft} | grep -q ^{digest} && sync {draft} && mv -T {draft} "
        f"{shlex.quote(path)} && sync {folder}"
    )
    return lines


@attempt("admins", once=True, prepares=True)
def completed(current: MigrationRun, here: Host) -> str | None:
    """Record that this stage is complete; those that build on it have to be done again."""
    return complete(current)


@attempt("admins", once=True, prepares=True)
def reached(current: MigrationRun, here: Host) -> str | None:
    """Record that this stage is complete, unless it was before and nothing had to be done."""
    if current.acted or current.stage not in current.migration.done:
        return complete(current)
    current.end = current.look()
    return None


def complete(current: MigrationRun) -> str | None:
    """Record that this stage is complete; None if that went well, else what went wrong."""
    problem = remember(current, current.migration.with_done(current.stage))
    if not problem:
        current.end = current.look()
    return problem


def users(current: MigrationRun) -> str:
    """Who uses DAOS right now besides this migration, with their nodes; "" if nobody does."""
    found = {
        # What this migration has mounted lies below a folder of its name.
        name: [user for user in node.users if "/daos-offline-update/" not in user]
        for name, node in current.look().of().items()
    }
    return "; ".join(f"{name}: {', '.join(users)}" for name, users in found.items() if users)
