"""The look at everything before the way back: where to, and whether there still is one (R12)."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from .checks import manager, services
from .daos.releases import Version
from .examine import begin, find_nodes, leading, summary
from .machinery.procedure import Procedure
from .machinery.run import Run
from .reporting import outcome
from .rules import gates
from .rules.findings import Finding, fold, grouped
from .rules.start import Start

ROLLBACK = Procedure(done="rolled back", sentence=outcome.rolled_back, back=True)


def examine() -> None:
    """Look at all nodes, once and in parallel, and refuse to begin if there is no way back.

    Raises DeployError after all that was found has been said and written to the report.
    """
    begin(leading(ROLLBACK), _of_the_nodes, summary)


def _of_the_nodes(current: Run) -> list[Finding]:
    found = find_nodes(current)
    found += gates.never_started(current.start)
    found += services.usable(current.start)
    found += manager.idle(current.start)
    nowhere = list(_nowhere_to(current.start))
    if nowhere:
        return found + nowhere
    _turn_back(current)
    if not found and current.start.outdated:
        found += manager.within_reach(current, found)
    return found


def _before(start: Start) -> dict[str, list[str]]:
    """The releases that nodes remember to have had before, each with these nodes."""
    records = {name: node.record for name, node in start.nodes.items() if node and node.record}
    return grouped((name, record.release) for name, record in records.items())


def _nowhere_to(start: Start) -> Iterator[Finding]:
    releases = _before(start)
    names = tuple(chain.from_iterable(releases.values()))
    if not start.records:
        yield _nothing(names)
    elif len(releases) != 1 or not all(releases):
        found = "; ".join(f"{release or 'none'} on {fold(on)}" for release, on in releases.items())
        yield Finding(
            "several-releases",
            names,
            f"they had different releases before ({found}), and this goes back to one alone: "
            "finish the update, `pyinfra inventory deploy.py`",
        )


def _turn_back(current: Run) -> None:
    """From here on the target is the one release of before, with its ranks and pools."""
    start = current.start
    target = Version.parse(next(iter(_before(start))))
    current.procedure = replace(current.procedure, target=target)
    if start.record:
        start = replace(start, ranks=start.record.ranks, pools=dict(start.record.pools))
    current.begins(replace(start, target=target))


def _nothing(others: tuple[str, ...]) -> Finding:
    """Where no server remembers an update, its engines may have run on any release since (R12).

    + others: the nodes that remember one all the same
    """
    if not others:
        message = "no update is under way: nothing is remembered on any node, and what an update "
        return Finding("nothing-to-roll-back", (), f"{message}has finished stays")
    return Finding(
        "nothing-to-roll-back",
        others,
        "an update is remembered there, and on no server, so the servers stay as they are: finish "
        "the update, `pyinfra inventory deploy.py`",
    )
