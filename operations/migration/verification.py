"""The third stage: the backup is read back, and compared with its manifests, entry by entry."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pyinfra.api import Host

from ..machinery.step import attempt
from ..rules.findings import Finding
from . import contents
from .copying import copiers, destination, equipment
from .copying.containers import compare, differences, paths, say_equal
from .copying.copiers import CopyError
from .record.backed_up import as_recorded, files, folder, manifests, not_backed_up
from .record.memory import note, remember
from .record.record import Container, now
from .run import MigrationRun, one_by_one


def findings(current: MigrationRun) -> list[Finding]:
    """What stands in the way: the backup is not complete, or not of what the system holds."""
    found = not_backed_up(current.migration.to_carry)
    found += destination.findings(current)
    found += [f for f in equipment.findings(current, False) if "python3" in f.message]
    if not found:
        found += manifests(current, current.migration.to_carry)
    if contents.serves_old(current, current.start):
        found += as_recorded(current)
    return found


@attempt("clients", need=copiers.is_first, code="backup-differs")
def compared(current: MigrationRun, here: Host) -> str | None:
    """Read every file of the backup, and compare it with the manifest that was made in DAOS."""
    return each_backup(current, here, _judged)


def each_backup(
    current: MigrationRun,
    client: Host,
    judge: Callable[[MigrationRun, Container, bool], str | None],
) -> str | None:
    """Read the backup of every container back on a client; what is wrong, None where nothing is.

    + judge: given a container, and whether its backup equals its manifest, says what to do about
      it where that is wrong
    """
    problems = []
    for container in one_by_one(current.migration.to_carry, "reading the backup of {}"):
        try:
            said = differences(_read(current, client, container))
            problem = judge(current, container, not said)
            if said:
                problem = (
                    f"the backup of {container} in {folder(current, container)} differs from its "
                    f"manifest: {said}. {problem}"
                )
        except CopyError as failure:
            problem = str(failure)
        if problem:
            problems.append(problem)
    return "\n".join(problems) or None


def _read(current: MigrationRun, client: Host, container: Container) -> dict[str, Any]:
    result = compare(current, client, container, "verify", files(current, container))
    if paths(result):
        keys = ("differing", "missing", "extra")
        current.differing[container.uuid] = {key: result[key] for key in keys}
    say_equal(result)
    return result


def _judged(current: MigrationRun, container: Container, equal: bool) -> str | None:
    if equal:
        return note(current, container, verified=now())
    problem = _not_true_any_more(current, container)
    return (
        "Type stage=backup again: it copies these again, and only these; then stage=verify. "
        f"report.json names them all{f'. {problem}' if problem else ''}"
    )


def _not_true_any_more(current: MigrationRun, container: Container) -> str | None:
    """Record that a container is not backed up, and thus the stages from the backup on undone."""
    changed = current.migration.with_container(container.uuid, verified="", backed_up="")
    stages = {name: time for name, time in changed.done.items() if name == "check"}
    return remember(current, replace(changed, done=stages))
