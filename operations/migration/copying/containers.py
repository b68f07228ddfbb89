"""What the tool does with the files of one container: copies them, compares them; and in words."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from pyinfra.api import Host

from ...machinery.run import say
from ..record.backed_up import manifest
from ..record.record import Container
from ..run import MigrationRun
from . import access, equipment, jobs
from .copiers import CopyError
from .destination import gib

_NAMED = 20  # so many paths are named on the terminal; report.json has them all


def copy(
    current: MigrationRun,
    client: Host,
    container: Container,
    job: str,
    source: str,
    target: str,
    way: str,
    *options: str,
) -> dict[str, Any]:
    """Copy the files of a container, and say how much had to be copied. Raises CopyError.

    + job: names the job among those of the container
    + way: "parallel" or "serial"
    + options: of the tool, besides
    """
    name = f"{container.uuid}-{job}"
    words = ["copy", "--from", source, "--to", target, "--way", way, *options]
    let_in: AbstractContextManager[list[str]] = nullcontext([])
    if way == "parallel":
        let_in = _in_parallel(current, client, name)
    with let_in as more:
        copy = jobs.run(current, client, name, *words, *more, preload=True)
    say(
        f"copied {copy['copied_files']:,} of {copy['files']:,} files, "
        f"{gib(copy['copied_bytes'])}, in {copy['seconds']:.1f} s ({way})"
    )
    return copy


@contextmanager
def _in_parallel(current: MigrationRun, client: Host, job: str) -> Iterator[list[str]]:
    """What the tool needs to know to copy by mpirun, which is let in for as long as the copy lasts.

    A run that is ended (Ctrl-C) takes nothing back: the copy goes on. Raises CopyError.

    + job: its name; one that runs already was started with what it needs
    """
    try:
        yield [] if jobs.under_way(current, client, job) else _for_mpirun(current)
    except CopyError:
        access.shut(current)
        raise
    access.shut(current)


def _for_mpirun(current: MigrationRun) -> list[str]:
    problem = equipment.write_hosts(current)
    if problem:
        raise CopyError(problem)
    site = current.site
    words = ["--processes", str(site.copy_processes), "--hosts", equipment.HOSTS]
    needs = [word for path in site.copy_needs for word in ("--needs", path)]
    words += ["--mpirun", site.mpirun, "--dcp", site.dcp, *needs]
    try:
        return [*words, *access.let_in(current)]
    except CopyError as no_key:
        say(f"mpirun goes by root's own ssh: {no_key}")
        return words


def compare(
    current: MigrationRun, client: Host, container: Container, job: str, tree: str, *options: str
) -> dict[str, Any]:
    """What the tool finds where it compares a tree with the manifest of a container.

    + job: names the job among those of the container

    Raises CopyError.
    """
    words = ["verify", tree, "--manifest", manifest(current, container), *options]
    return jobs.run(current, client, f"{container.uuid}-{job}", *words)


def say_equal(result: dict[str, Any]) -> None:
    """Say what was compared, where all of it is equal."""
    if not paths(result):
        say(f"{result['files']:,} files, {gib(result['bytes'])}, equal the manifest")


def paths(result: dict[str, Any]) -> list[str]:
    """All paths that a comparison names."""
    return [*result["differing"], *result["missing"], *result["extra"]]


def differences(result: dict[str, Any]) -> str:
    """What a comparison found, in words; "" where all is equal."""
    differing = [f"{path} ({', '.join(keys)})" for path, keys in result["differing"].items()]
    parts = [("differing", differing), ("missing", result["missing"]), ("extra", result["extra"])]
    return "; ".join(f"{what}: {few(paths)}" for what, paths in parts if paths)


def few(paths: list[str]) -> str:
    """Paths as one lists them, the first of many."""
    listed = ", ".join(map(repr, paths[:_NAMED]))
    return f"{listed} and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else listed
