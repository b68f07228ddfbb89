"""The second stage: every POSIX container is copied out of DAOS, with a manifest beside it."""

import base64
import shlex
from typing import Any

from pyinfra.api import Host

from ..machinery import commandline
from ..machinery.run import say
from ..machinery.step import attempt
from ..rules.findings import Finding
from .copying import copiers, destination, equipment, jobs, mounts
from .copying.containers import compare, copy, few, paths
from .copying.copiers import CopyError
from .record import memory
from .record.backed_up import as_recorded, files, folder, manifests
from .record.memory import note
from .record.record import Container, now
from .run import MigrationRun, one_by_one

_FULL = ("No space left on device", "Disk quota exceeded")


def findings(current: MigrationRun) -> list[Finding]:
    """What stands in the way: the system holds something else by now, or copying cannot work."""
    found = list(as_recorded(current))
    given, recorded = set(current.site.leave_behind), set(current.migration.left_behind)
    if given and given != recorded:
        message = "leave_behind is not what it was at the check: type stage=check again"
        found.append(Finding("bad-setting", (), message))
    found += destination.findings(current)
    found += equipment.findings(current, copiers.in_parallel(current))
    return found


@attempt("clients", need=copiers.is_first, code="backup-failed")
def copied(current: MigrationRun, here: Host) -> str | None:
    """Copy the files of every container that is to be carried over, and write their manifests.

    One container after the other; what an earlier run has copied, and what has not changed since,
    is not copied again. Source: "two paths to perform such a backup" (DAOS 2.0, update from 1.x).
    """
    wrong = list(destination.attempts(current))
    if wrong:
        return "; ".join(map(str, wrong))
    users = memory.users(current)
    if users:
        say(f"still in use, which may change files while they are copied: {users}")
    problems = []
    for container in one_by_one(current.migration.to_carry, "{}"):
        try:
            changed = _back_up(current, here, container)
        except CopyError as problem:
            full = any(sign in str(problem) for sign in _FULL)
            said = f"{destination.full(current, here, container.bytes)}\n" if full else ""
            problems.append(f"{container}: {said}{problem}")
            break  # the next one would meet the same
        if changed:
            problems.append(changed)
    return "\n".join(problems) or None


def _back_up(current: MigrationRun, client: Host, container: Container) -> str | None:
    """Back up one container; None if its backup is complete, else what has changed meanwhile."""
    way = current.site.way(container.bytes)
    clients = copiers.of_way(current, way)
    with mounts.mounted(current, clients, container.pool, container.uuid) as source:
        # The manifest that was written for it is still there, and the same.
        intact = bool(container.manifest) and not manifests(current, [container])
        if intact and container.backed_up and not _of_source(current, client, container, source):
            say("it has not changed since it was backed up")
            return note(current, container, unchanged=_unused(current))
        if intact and not container.backed_up:
            _mend(current, client, container)
        anew = bool(container.manifest) and not intact
        undone = dict.fromkeys(("backed_up", "verified", "unchanged", "manifest"), "")
        problem = note(current, container, way=way, **undone)
        if problem:
            return problem
        moved = _moved(_copy(current, client, container, source, way, anew))
        if moved:
            return _changed(current, container, moved)
        return _seal(current, client, container, source)


def _copy(
    current: MigrationRun, client: Host, container: Container, source: str, way: str, anew: bool
) -> dict[str, Any]:
    target = files(current, container)
    _prepare(current, client, target)
    options = mounts.as_mounted(source, container.uuid)
    if anew:  # what is there may be anything
        options.append("--anew")
    return copy(current, client, container, "copy", source, target, way, *options)


# Made anew, or root's own already. What is in a container was readable for its owners alone, and so
# is the backup.
_FOLDERS = """\
export LC_ALL=C
umask 077
for folder in {folders}; do
    mkdir "$folder" 2>/dev/null
    [ "$(stat -c '%u %F' "$folder")" = '0 directory' ] && continue
    echo "$folder is not a folder of root's: move it away" >&2
    exit 1
done
chmod 0700 {folders}
[ -d {data} ] && [ ! -h {data} ] || mkdir {data}
"""


def _prepare(current: MigrationRun, client: Host, target: str) -> None:
    """Make the folders of a container's backup. Raises CopyError."""
    inner = target.rpartition("/")[0]
    folders = shlex.join([inner.rpartition("/")[0], inner])
    line = _FOLDERS.format(folders=folders, data=shlex.quote(target))
    done, _, errors = current.command(client, line)
    if not done:
        raise CopyError(f"{target} could not be made on {client.name}: {errors.strip()}")


def _seal(current: MigrationRun, client: Host, container: Container, source: str) -> str | None:
    """Write the manifest of the source, and see that nothing changed while that was read."""
    out = ["--out", folder(current, container)]
    words = ["manifest", source, *out, *mounts.as_mounted(source, container.uuid)]
    made = jobs.run(current, client, f"{container.uuid}-manifest", *words)
    moved = _moved(made)
    if not moved:
        moved = _of_source(current, client, container, source)
        moved += _differing(current, client, container, files(current, container))
    if moved:
        return _changed(current, container, list(dict.fromkeys(moved)))
    return note(
        current,
        container,
        files=made["files"],
        bytes=made["bytes"],
        manifest=made["digest"],
        backed_up=now(),
        unchanged=_unused(current),
    )


def _moved(result: dict[str, Any]) -> list[str]:
    """All paths that changed while a tree was read."""
    return [*result["changed"], *result["vanished"], *result["new"]]


def _differing(
    current: MigrationRun, client: Host, container: Container, tree: str, *options: str
) -> list[str]:
    """The paths below a folder that are not as the manifest says, contents not being read."""
    return paths(compare(current, client, container, "look", tree, "--quick", *options))


def _of_source(current: MigrationRun, client: Host, container: Container, source: str) -> list[str]:
    options = mounts.as_mounted(source, container.uuid)
    return _differing(current, client, container, source, *options)


def source_changes(current: MigrationRun, client: Host, container: Container) -> list[str]:
    """The paths that are not in DAOS as the manifest says. Raises CopyError."""
    with mounts.mounted(current, [client], container.pool, container.uuid) as source:
        return _of_source(current, client, container, source)


def _mend(current: MigrationRun, client: Host, container: Container) -> None:
    """Remove from a backup what does not equal its manifest, so that it is copied again.

    By its time and size alone a file whose contents were damaged looks as if it was complete.
    """
    tree = files(current, container)
    result = compare(current, client, container, "verify", tree)
    differing = result["differing"].items()
    # Those whose contents differ: owners, modes and times are set again by every copy.
    damaged = [path for path, keys in differing if {"digest", "unreadable"}.intersection(keys)]
    say(f"{len(damaged)} damaged files of the backup are copied again")
    names = b"\0".join(f"./{path}".encode(errors="surrogateescape") for path in damaged)
    if not names:
        return
    problem = memory.put(current, client, f"{jobs.FOLDER}/damaged", base64.b64encode(names))
    line = f"cd {shlex.quote(tree)} && base64 -d {jobs.FOLDER}/damaged | xargs -0 rm -f --"
    done, _, errors = current.command(client, line, timeout=600)
    if problem or not done:
        raise CopyError(f"what is damaged could not be removed: {problem or errors.strip()}")


def _unused(current: MigrationRun) -> str:
    return "" if memory.users(current) else now()


def _changed(current: MigrationRun, container: Container, moved: list[str]) -> str:
    users = memory.users(current)
    who = f" DAOS is used by {users}." if users else ""
    return (
        f"{container} changed while it was copied: {few(moved)}. Stop what writes to it."
        f"{who} Then type the same command again: {commandline.typed()}"
    )
