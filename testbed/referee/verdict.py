"""What the referee says of a rule, and how that is printed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet
from ClusterShell.RangeSet import RangeSet

from testbed.referee.history import Event

State = Literal["kept", "broken", "not exercised"]
_COLOURS = {"kept": "32", "broken": "1;31", "not exercised": "2"}
_SHOWN = 6  # events of a broken rule that are printed


@dataclass(frozen=True)
class Verdict:
    """The judgement about one rule.

    + rule, name: "R4", "quiet"
    + sentences: what was seen; one for each way in which a rule is broken
    + events: those that show how it was broken
    """

    rule: str
    name: str
    state: State
    sentences: tuple[str, ...]
    events: tuple[Event, ...] = ()


def folded(hosts: Iterable[str]) -> str:
    """A node set as HPC people write it."""
    return str(NodeSet.fromlist(sorted(set(hosts)), resolver=RESOLVER_NOGROUP))


def ranks(numbers: Iterable[int]) -> str:
    """Ranks as one says them: "rank 3", "ranks 0-3,6"."""
    found = sorted(set(numbers))
    return f"rank{'s' * (len(found) > 1)} {RangeSet(','.join(map(str, found)))}"


def lines(verdicts: Sequence[Verdict], colour: bool = False) -> list[str]:
    """The verdict as text: a line a rule, and below a broken one what shows it."""
    found = []
    for verdict in verdicts:
        state = f"{verdict.state:<15}"
        if colour:
            state = f"\033[{_COLOURS[verdict.state]}m{state}\033[0m"
        first, *more = verdict.sentences
        found.append(f"{verdict.rule:<4}{verdict.name:<12}{state} {first}")
        found += [f"{'':<32}{sentence}" for sentence in more]
        found += [f"{'':<32}  {event}" for event in verdict.events[:_SHOWN]]
        rest = len(verdict.events) - _SHOWN
        if rest > 0:
            found.append(f"{'':<32}  and {rest} more events")
    return found
