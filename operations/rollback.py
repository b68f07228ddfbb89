"""The look at everything before the way back: where to, and whether there still is one (R12)."""

from __future__ import annotations

from collections.abc import Iterator

from pyinfra.api import State

from .checks import manager
from .daos.releases import Version
from .examine import begin, reached
from .machinery.run import Run
from .rules import gates
from .rules.findings import Finding, fold


def examine() -> None:
    """Look at all nodes, once and in parallel, and refuse to begin if there is no way back.

    Raises DeployError after all that was found has been said and written to the report.
    """
    begin(_of_the_nodes)


def _of_the_nodes(current: Run, state: State) -> list[Finding]:
    current.back = True
    found = list(reached(current, state))
    found += gates.never_started(current.start)
    found += manager.idle(current.start)
    found += _where_to(current)
    if not found and current.outdated_nodes:
        found += manager.within_reach(current, found)
    return found


def _where_to(current: Run) -> Iterator[Finding]:
    releases: dict[str, list[str]] = {}
    for name, node in current.start.nodes.items():
        if node and node.record:
            releases.setdefault(node.record.release, []).append(name)
    if not current.start.records:
        yield _nothing(releases)
    elif len(releases) == 1 and all(releases):
        _decide(current, Version.parse(releases.popitem()[0]))
    else:
        yield _several(releases)


def _decide(current: Run, before: Version) -> None:
    current.settings = current.settings.model_copy(update={"target_release": before})
    current.decide()
    if current.record:
        current.ranks, current.pools = current.record.ranks, dict(current.record.pools)


def _nothing(releases: dict[str, list[str]]) -> Finding:
    """Where no server remembers an update, its engines may have run on any release since (R12)."""
    others = tuple(name for names in releases.values() for name in names)
    if not others:
        message = "no update is under way: nothing is remembered on any node, and what an update "
        return Finding("nothing-to-roll-back", (), f"{message}has finished stays")
    return Finding(
        "nothing-to-roll-back",
        others,
        "an update is remembered there, and on no server, so the servers stay as they are: finish "
        "the update, `pyinfra inventory deploy.py`",
    )


def _several(releases: dict[str, list[str]]) -> Finding:
    found = "; ".join(f"{release or 'none'} on {fold(on)}" for release, on in releases.items())
    return Finding(
        "several-releases",
        tuple(name for names in releases.values() for name in names),
        f"they had different releases before ({found}), and this goes back to one alone: finish "
        "the update, `pyinfra inventory deploy.py`",
    )
