"""Every single fault at every command of an update, and of a way back; none is left out.

Where two of them cannot differ, one is played: what a node's programs are told of makes no
difference before one of them asks for it; what comes to the whole system at one moment is the same
before each command that is sent at that moment; and what only looks has done nothing, whether its
answer is lost before or after that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from testbed import faults as lab
from testbed.faults import Fault
from testbed.simulation import faults, process
from testbed.simulation.cluster import Cluster
from testbed.simulation.faults import KINDS, OfTheWay, Planted, Sent, Signal
from testbed.simulation.process import Outcome

from .cases import BACK, UPDATE, Case, Host, simple
from .likeness import Known
from .play import Playing, Site, play

# What changes how the answer comes: there it matters whether the command is done already. For all
# others "after" is the same as "before" the next one.
_OF_THE_ANSWER = {faults.BROKEN_PIPE.name, faults.HOST_HANGS.name}
_OF_THE_ANSWER |= {lab.POWER_LOST.name, lab.REBOOT.name}
_FULL = {faults.FOLDER_FULL.name: "full var", faults.RUN_FULL.name: "full run"}
_MIDDLE = 1.0  # seconds within which the middle of a command comes
_LOOKS = (
    *("sh -c 'server=", "cat ", "dmg -j system query", "dmg -j pool list"),
    *("for pool in ", "daos container list "),  # at each pool, and at the containers of one
)


@dataclass(frozen=True)
class Every:
    """The faults of one run.

    + case: what is typed, without them
    + run: in which run of it they come
    + all: how many there are
    + different: those that can differ
    """

    case: Case
    run: int
    all: int
    different: tuple[Planted, ...]


def every(site: Site, nodes: tuple[Host, ...] = ()) -> list[Every]:
    """Those of an update, and those of a way back from the middle of it.

    + nodes: of the cluster; two servers, an admin node and a client where none are given
    """
    nodes = nodes or simple()
    update = Case(nodes)
    outcome = play(update, site).runs[0]
    number = next(
        number
        for number, sent in enumerate(outcome.told[1])
        if sent.line.startswith("(umask 077; : >")
    )
    begun = Planted(0, number, "middle", faults.KILLED.name)
    back = Case(nodes, typed=(UPDATE, BACK)).with_faults(begun)
    returned = play(back, site).runs[1]
    return [_of(update, 0, outcome), _of(back, 1, returned)]


def _of(case: Case, run: int, outcome: Outcome) -> Every:
    sent, cluster = outcome.told[1], outcome.cluster
    found: dict[object, Planted] = {}
    count = 0
    for fault in _all(case, run, sent):
        count += 1
        found.setdefault(_likeness(fault, sent, cluster), fault)
    return Every(case, run, count, tuple(found.values()))


def _all(case: Case, run: int, commands: Sequence[Sent]) -> Iterator[Planted]:
    """Every fault at every command of a run, at every moment of that."""
    roles = {host.name: set(host.roles) for host in case.hosts}
    for number, sent in enumerate(commands):
        for name, kind in KINDS.items():
            if isinstance(kind, Fault) and kind.roles and not kind.roles & roles[sent.node]:
                continue
            yield Planted(run, number, "before", name)
            if name in _OF_THE_ANSWER:
                yield Planted(run, number, "after", name)
            if not isinstance(kind, OfTheWay) and not sent.line.startswith(_LOOKS):
                yield Planted(run, number, "middle", name)


def _likeness(fault: Planted, commands: Sequence[Sent], cluster: Cluster) -> object:
    """Two faults of the same likeness cannot differ."""
    kind, sent = KINDS[fault.kind], commands[fault.nth]
    key = _FULL.get(fault.kind, kind.key if isinstance(kind, Fault) else "")
    if key:
        asked = [
            (number, at)
            for number, (at, node, what) in enumerate(cluster.asked)
            if (node, what) == (sent.node, key) and at >= sent.at
        ]
        meanwhile = any(at <= sent.at + _MIDDLE for _, at in asked)
        if fault.moment == "before" or not meanwhile:
            return fault.kind, sent.node, tuple(asked[:1])
    if fault.moment == "after" and sent.line.startswith(_LOOKS):
        return replace(fault, moment="before")  # what only looks has done nothing
    if fault.moment != "before":
        return fault
    if isinstance(kind, Signal) or kind is faults.LEADER_LOST:
        return fault.kind, sent.at
    return fault


@dataclass
class Counts:
    """How the faults went that were played.

    + played: how many
    + nothing: those that changed nothing where they came, so that the run is the undisturbed one
    + alike: those that led to what was known already, so that it was not typed again
    + failed: those that did not end well
    """

    played: int = 0
    nothing: int = 0
    alike: int = 0
    failed: int = 0

    def __str__(self) -> str:
        known = f"{self.nothing} of which changed nothing, and {self.alike} led to what was known"
        return f"{self.played} played, {known}; {self.failed} failed"


def played(
    it: Every, faults: Sequence[Planted], site: Site, known: Known | None, counts: Counts
) -> Iterator[Playing]:
    """Play some of the faults of a run, each to its end; all that comes before it once.

    + known: what was played already, which need not be played again
    + counts: is kept up to date
    Raises Broken.
    """
    site.clear()
    begun = Playing(it.case, site)
    while begun.number < it.run:
        begun.type()
    for fault, outcome in process.branches(begun.cluster, site.path, *begun.words, faults=faults):
        counts.played += 1
        if not outcome.told[0]:
            counts.nothing += 1
            continue
        playing = begun.branch(it.case.with_faults(*it.case.faults, fault))
        playing.ended(outcome)
        playing.to_the_end(known)
        counts.alike += playing.known
        counts.failed += bool(playing.played.problems)
        yield playing
