"""The third stage: the backup is read back, and compared with its manifests, entry by entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from pyinfra.api import Host

from ..machinery.run import say
from ..machinery.step import Command, step, verify
from ..rules.findings import Finding
from . import contents
from .backup import few
from .copying import copiers, destination, equipment, jobs
from .copying.jobs import JobError
from .record import memory
from .record.backed_up import as_recorded, folder, manifests, named
from .record.record import Container, now
from .run import MigrationRun


def findings(current: MigrationRun) -> list[Finding]:
    """What stands in the way: the backup is not complete, or not of what the system holds."""
    lacking = [c for c in current.migration.to_carry if not c.backed_up]
    found = [
        Finding("not-backed-up", (), f"{named(c)} is not backed up: type stage=backup")
        for c in lacking
    ]
    found += destination.findings(current)
    found += [f for f in equipment.findings(current, False) if "python3" in f.message]
    if not found:
        found += manifests(current, current.migration.to_carry)
    if current.start.serving and contents.is_old(current, copiers.first(current).name):
        found += as_recorded(current)
    return found


@step("clients", need=copiers.is_first)
def compared(current: MigrationRun, here: Host) -> Iterator[Command]:
    """Read every file of the backup, and compare it with the manifest that was made in DAOS."""
    yield verify(current, lambda: each_backup(current, here, _judged), code="backup-differs")


def each_backup(
    current: MigrationRun,
    client: Host,
    judge: Callable[[MigrationRun, Container, dict[str, Any]], str | None],
) -> str | None:
    """Read the backup of every container back on a client; what is wrong, None where nothing is.

    + judge: given a container and what the comparison with its manifest found, says what is wrong
    """
    problems = []
    containers = current.migration.to_carry
    for number, container in enumerate(containers, start=1):
        say(f"reading the backup of {named(container)} ({number} of {len(containers)})")
        try:
            problem = judge(current, container, _read(current, client, container))
        except JobError as failure:
            problem = str(failure)
        if problem:
            problems.append(problem)
    return "\n".join(problems) or None


def _read(current: MigrationRun, client: Host, container: Container) -> dict[str, Any]:
    where = folder(current, container)
    words = ("verify", f"{where}/data", "--manifest", f"{where}/manifest.mtree")
    result = jobs.run(current, client, f"{container.uuid}-verify", *words)
    if differences(result):
        keys = ("differing", "missing", "extra")
        current.differing[container.uuid] = {key: result[key] for key in keys}
    else:
        say(f"{result['files']:,} files, {destination.gib(result['bytes'])}, equal the manifest")
    return result


def _judged(current: MigrationRun, container: Container, result: dict[str, Any]) -> str | None:
    said = differences(result)
    if not said:
        return _note(current, container, verified=now())
    problem = _note(current, container, verified="", backed_up="")
    return (
        f"the backup of {named(container)} in {folder(current, container)} differs from its "
        f"manifest: {said}. Type stage=backup again: it copies these again, and only these; then "
        f"stage=verify. report.json names them all{f'. {problem}' if problem else ''}"
    )


def differences(result: dict[str, Any]) -> str:
    """What a comparison found, in words; "" where all is equal."""
    differing = [f"{path} ({', '.join(keys)})" for path, keys in result["differing"].items()]
    parts = [("differing", differing), ("missing", result["missing"]), ("extra", result["extra"])]
    return "; ".join(f"{what}: {few(paths)}" for what, paths in parts if paths)


def _note(current: MigrationRun, container: Container, **changes: Any) -> str | None:
    """Record how far a container is, at once; without its backup, the stages are not complete."""
    changed = current.migration.with_container(container.uuid, **changes)
    if not changes["verified"]:
        stages = {name: time for name, time in changed.done.items() if name == "check"}
        changed = replace(changed, done=stages)
    return memory.remember(current, changed)
