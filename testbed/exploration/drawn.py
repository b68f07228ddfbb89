"""What Hypothesis chooses: clusters of all shapes, and what goes wrong on them."""

from collections.abc import Sequence

from hypothesis import strategies as st

from testbed.simulation.build import RELEASES
from testbed.simulation.faults import KINDS, Planted

from .cases import BACK, UPDATE, Case, Host

TARGET = RELEASES[-1]
_MOMENTS = ("before", "middle", "after")
_TYPED = ((UPDATE,), (UPDATE, BACK), (UPDATE, UPDATE, BACK), (UPDATE, BACK, UPDATE), (BACK, UPDATE))
_COMMANDS = 45  # of a run for each node, about


def sizes(most: int, usual: int) -> st.SearchStrategy[int]:
    """How many there are: mostly a few, now and then very many."""
    few = st.integers(1, min(usual, most))
    return st.integers(0, 60).flatmap(lambda it: few if it else st.integers(1, most))


@st.composite
def hosts(draw: st.DrawFn, servers: int, clients: int) -> tuple[Host, ...]:
    """The nodes of a cluster.

    + servers, clients: how many there are at most
    """
    release = draw(st.sampled_from(RELEASES[:-1][::-1]))
    flavour = draw(st.sampled_from(("el8", "el7", "leap15")))
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
            flavour if "servers" in has else draw(st.sampled_from((flavour, "el8", "leap15"))),
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


@st.composite
def planted(draw: st.DrawFn, names: Sequence[str], runs: int) -> Planted:
    """A fault at any command of one of the first runs."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    return Planted(
        draw(st.integers(0, runs - 1)),
        draw(st.integers(0, _COMMANDS * len(names))),
        draw(st.sampled_from(_MOMENTS)),
        kind,
        draw(st.one_of(st.just(""), st.sampled_from(names))),
    )


@st.composite
def cases(
    draw: st.DrawFn, servers: int = 128, clients: int = 256, fixed: tuple[Host, ...] = ()
) -> Case:
    """A case.

    + servers, clients: how many there are at most
    + fixed: the nodes, where these are not chosen
    """
    nodes = fixed or draw(hosts(servers, clients))
    typed = draw(st.sampled_from(_TYPED))
    names = [node.name for node in nodes]
    faults = draw(st.lists(planted(names, 1 + len(typed)), min_size=1, max_size=3))
    pause = draw(st.sampled_from((60.0, 1.0, 3600.0)))
    return Case(nodes, TARGET, typed, tuple(faults), pause)
