"""Operating systems that the target supports, and how one gets to them."""

from collections.abc import Iterator

from ..checks import installed
from ..daos import platforms
from ..daos.node_sets import fold
from ..rules.findings import Finding, about, grouped
from .run import MigrationRun


def findings(current: MigrationRun) -> Iterator[Finding]:
    """Operating systems that the target does not support and that this does not update either."""
    brought = {name for names in to_update(current).values() for name in names}
    for finding in installed.systems(current.start, current.settings, current.target.series):
        names = [name for name in finding.hosts if name not in brought]
        if finding.code == "unsupported-system":
            finding = Finding(finding.code, (), finding.message + _hint(current, names))
        yield from about(finding.code, names, finding.message)


def to_update(current: MigrationRun) -> dict[tuple[str, str], list[str]]:
    """What and to what an operating system is updated with DAOS 2.x, to the nodes that have it.

    That is another minor of the same release ("centos 8.3" to "centos 8.5"), where the site
    allows it; whether the node's repositories have it is resolved before anything is stopped.
    """
    if not current.site.update_os:
        return {}
    nodes = current.start.of().items()
    return grouped((name, _updated(current, node.os)) for name, node in nodes)


def _updated(current: MigrationRun, os: str) -> tuple[str, str] | None:
    """What an operating system is and what it is updated to; None where it is not."""
    series = current.target.series
    if os in current.settings.accepted_systems or platforms.is_supported(os, series):
        return None
    takes, later = platforms.distribution(os), later_minors(os, series)
    with_os = later and takes and takes.manager.install_with_os
    return (os, platforms.in_words(later)) if with_os else None


def later_minors(os: str, series: str) -> list[str]:
    """The supported operating systems that differ from one in a later minor alone."""
    release, _, minor = os.partition(".")
    supported = [name.partition(".") for name in platforms.supported(series)]
    return [
        f"{name}.{later}"
        for name, _, later in supported
        if name == release and minor.isdigit() and later.isdigit() and int(later) > int(minor)
    ]


def _hint(current: MigrationRun, names: list[str]) -> str:
    series = current.target.series
    found = {current.start.node(name).os for name in names}
    later = [name for os in sorted(found) for name in later_minors(os, series)]
    return f". From there to {platforms.in_words(later)}" if later else ""


def notes(current: MigrationRun) -> Iterator[str]:
    """What will be updated with DAOS, for the administrator."""
    for (before, after), names in to_update(current).items():
        yield (
            f"{fold(names)}: {before} is updated to {after} in the transaction that brings DAOS "
            f"{current.target} (stage=install)"
        )
