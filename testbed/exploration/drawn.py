"""What Hypothesis chooses: clusters of all shapes, and what goes wrong on them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from testbed.simulation.build import SERIES
from testbed.simulation.faults import AHEAD, GROUPS, STATES, Kind, Planted

from .cases import BACK, UPDATE, Case, Host


@dataclass(frozen=True)
class UpdatePath:
    """From which releases to which one, and on what.

    + releases: where it begins
    + target: where it ends
    + servers: the distributions of servers, the usual one first; all servers have the same
    + others: those of other nodes, which may have that of the servers as well
    """

    releases: Sequence[str]
    target: str
    servers: Sequence[str]
    others: Sequence[str]


def _to_the_newest(series: str, *flavours: str) -> UpdatePath:
    *before, newest = SERIES[series]
    return UpdatePath(before[::-1], newest, flavours, (flavours[0], flavours[-1]))


# Where DAOS is published for which distribution: its support matrix.
PATHS = {
    "2.0": _to_the_newest("2.0", "el8", "el7", "leap15"),
    "2.4": _to_the_newest("2.4", "el88", "leap155"),
    "2.6": _to_the_newest("2.6", "el88", "el9", "leap156"),
}
_MOMENTS = ("before", "middle", "after")
_TYPED = ((UPDATE,), (UPDATE, BACK), (UPDATE, UPDATE, BACK), (UPDATE, BACK, UPDATE), (BACK, UPDATE))
_SELDOM = 9  # of so many clusters and one more, one has a node that does not start DAOS at boot
_COMMANDS = 21  # of a run for each node, about


def sizes(most: int, usual: int) -> st.SearchStrategy[int]:
    """How many there are: mostly a few, now and then very many."""
    few = st.integers(1, min(usual, most))
    return st.integers(0, 60).flatmap(lambda it: few if it else st.integers(1, most))


@st.composite
def hosts(draw: st.DrawFn, servers: int, clients: int, path: UpdatePath) -> tuple[Host, ...]:
    """The nodes of a cluster.

    + servers, clients: how many there are at most
    """
    release = draw(st.sampled_from(path.releases))
    flavour = draw(st.sampled_from(path.servers))
    engines = draw(st.integers(1, 4))
    counts = {
        "servers": draw(sizes(servers, 4)),
        "admins": draw(st.integers(1, 3)),
        "clients": draw(sizes(clients, 4)),
    }
    roles: dict[str, set[str]] = {}
    for role, count in counts.items():
        for number in range(1, count + 1):
            shared = role != "servers" and draw(st.integers(0, 9)) == 9
            name = _another(draw, roles, role) if shared else ""
            roles.setdefault(name or f"{role[:-1]}-{number:02}", set()).add(role)
    return tuple(
        Host(
            name,
            tuple(sorted(has)),
            flavour if "servers" in has else draw(st.sampled_from((flavour, *path.others))),
            engines,
            release,
            draw(st.sampled_from((0.0, 0.0, 0.0, 7200.0, -3600.0))),
        )
        for name, has in roles.items()
    )


def _another(draw: st.DrawFn, roles: dict[str, set[str]], role: str) -> str:
    """A node of another role that has this one as well; "" for none."""
    free = [name for name, has in roles.items() if role not in has]
    return draw(st.sampled_from(free)) if free else ""


def _commands(most: int) -> st.SearchStrategy[int]:
    """At which command: mostly in the offline window, which is after two fifths of a run."""
    return st.one_of(st.integers(2 * most // 5, most), st.integers(0, most))


@st.composite
def planted(draw: st.DrawFn, nodes: Sequence[Host], runs: int) -> Planted:
    """A fault at any command of one of the first runs."""
    kind = draw(st.sampled_from(GROUPS).flatmap(st.sampled_from))
    names = _names(nodes, kind)
    return Planted(
        draw(st.one_of(st.just(0), st.integers(0, runs - 1))),
        draw(_commands(_COMMANDS * len(nodes))),
        draw(st.sampled_from(_MOMENTS)),
        kind.name,
        draw(st.one_of(st.just(""), st.sampled_from(names))),
    )


@st.composite
def ahead(draw: st.DrawFn, nodes: Sequence[Host], runs: int) -> Planted:
    """What is so already when a run is typed, of which it has to find out."""
    kind = draw(st.sampled_from(STATES))
    run = draw(st.one_of(st.just(0), st.integers(0, runs - 1)))
    return Planted(run, 0, AHEAD, kind.name, draw(st.sampled_from(_names(nodes, kind))))


def _names(nodes: Sequence[Host], kind: Kind) -> list[str]:
    """The nodes that a fault can be planted on."""
    roles: frozenset[str] = getattr(kind, "roles", frozenset())
    return [it.name for it in nodes if not roles or roles & set(it.roles)]


def _faults(nodes: Sequence[Host], runs: int) -> st.SearchStrategy[list[Planted]]:
    """What goes wrong: a few things, and now and then one of them ahead of a run.

    Each kind comes once in a run: else Hypothesis, which likes to copy, would draw many alike.
    """
    kinds = st.sampled_from((planted, planted, planted, planted, ahead))
    one = kinds.flatmap(lambda kind: kind(nodes, runs))
    return st.lists(one, min_size=1, max_size=3, unique_by=lambda it: (it.kind, it.run))


@st.composite
def cases(
    draw: st.DrawFn,
    servers: int = 128,
    clients: int = 256,
    fixed: tuple[Host, ...] = (),
    words: tuple[str, ...] = (),
    path: UpdatePath = PATHS["2.0"],
) -> Case:
    """A case.

    + servers, clients: how many there are at most
    + fixed: the nodes, where these are not chosen
    + words: what is typed after each procedure
    + path: which way an update leads
    """
    nodes = fixed or draw(hosts(servers, clients, path))
    if draw(st.integers(0, _SELDOM)) == _SELDOM:
        nodes = _one_disabled(draw, nodes)
    typed = draw(st.sampled_from(_TYPED))
    faults = draw(_faults(nodes, 1 + len(typed)))
    pause = draw(st.sampled_from((60.0, 1.0, 3600.0)))
    return Case(nodes, path.target, typed, tuple(faults), pause, words)


def _one_disabled(draw: st.DrawFn, nodes: tuple[Host, ...]) -> tuple[Host, ...]:
    """The same nodes, on one of which nothing starts at boot."""
    number = draw(st.integers(0, len(nodes) - 1))
    return tuple(replace(it, enabled=at != number) for at, it in enumerate(nodes))
