"""The look at everything before the way back: where to, and whether there still is one (R12)."""

from dataclasses import replace

from .checks import health, inventory
from .daos.node_sets import fold
from .daos.releases import Version
from .examine import begin, find_nodes, in_the_way, leading, summary
from .machinery.procedure import Procedure
from .machinery.run import Run
from .reporting import outcome
from .rules import gates
from .rules.findings import Finding, grouped
from .rules.start import Start

ROLLBACK = Procedure(done="rolled back", sentence=outcome.rolled_back, back=True)


def examine() -> None:
    """Look at all nodes, once and in parallel, and refuse to begin if there is no way back.

    Raises DeployError after all that was found has been said and written to the report.
    """
    begin(leading(ROLLBACK), _of_the_nodes, summary)


def _of_the_nodes(current: Run) -> list[Finding]:
    found = find_nodes(current)
    if inventory.foreign_records(current.start):
        return found
    target, nowhere = where_to(current.start)
    if not target:
        return found + nowhere
    current.procedure = replace(current.procedure, target=target)
    current.begins(replace(current.start, target=target))
    current.begins(health.learnt(current))
    return found + in_the_way(current)


def where_to(start: Start) -> tuple[Version | None, list[Finding]]:
    """The release that every node goes back to; None where there is no way back, and why.

    It is what the servers had, or, where they have it, what clients follow them to that were away.
    """
    begun = gates.never_started(start)
    if begun:
        return None, begun
    if not start.records:
        release = _left_ahead(start)
        return release, [] if release else [_nothing(start)]
    records = {name: node.record for name, node in start.of("servers").items() if node.record}
    releases = grouped((name, record.release) for name, record in records.items())
    if len(releases) == 1 and all(releases):
        return Version.parse(next(iter(releases))), []
    found = "; ".join(f"{release or 'none'} on {fold(on)}" for release, on in releases.items())
    message = (
        f"they had different releases before ({found}), and this goes back to one alone: "
        "finish the update, `pyinfra inventory deploy.py`"
    )
    return None, [Finding("several-releases", tuple(records), message)]


def _left_ahead(start: Start) -> Version | None:
    """The one release of servers that serve, where a node that is none has a higher one.

    It was away when they went back. An engine must never go back (R12), and such a node has none.
    """
    servers = {node.version for node in start.of("servers").values()}
    [release, *others] = servers or {None}
    if others or release is None or not start.serving:
        return None
    ahead = start.where(lambda node: node.newest and node.newest > release, "admins", "clients")
    return release if ahead else None


def _nothing(start: Start) -> Finding:
    """Where no server remembers an update, its engines may have run on any release since (R12)."""
    others = tuple(start.where(lambda node: node.record))
    if not others:
        message = "no update is under way: nothing is remembered on any node, and what an update "
        return Finding("nothing-to-roll-back", (), f"{message}has finished stays")
    return Finding(
        "nothing-to-roll-back",
        others,
        "an update is remembered there, and on no server, so the servers stay as they are: finish "
        "the update, `pyinfra inventory deploy.py`. Where the servers are back on an older "
        "release, start DAOS first; then this command takes these nodes back to it as well",
    )
