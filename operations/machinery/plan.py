"""What a run will do, step by step and node by node, as `--dry` shows it."""

from collections.abc import Iterator

from pyinfra.api import State

from ..daos.node_sets import fold
from ..rules import in_use
from ..rules.findings import grouped
from ..rules.storage import not_to_reboot
from . import judgements
from .hooks import OPENING
from .run import Run

# The offline window lasts from the first of these steps to the second.
_OPENS, _CLOSES = "agents_stopped", "agents_started"


def is_empty(current: Run) -> bool:
    """Whether nothing will be done: every node is at the target, and serves."""
    planned = _planned(current.state, current.steps)
    return not current.procedure.always_acts and not any(nodes for _, _, nodes in planned)


def lines(current: Run) -> Iterator[str]:
    """The steps that will do something, each with its nodes; the offline window is marked."""
    if is_empty(current):
        yield f"Nothing will be done: every node is at {current.target} and serves"
        return
    planned = list(_planned(current.state, current.steps))
    width = max(len(name) for name, _, nodes in planned if nodes)
    for name, step, nodes in planned:
        yield from _before(current, step, planned)
        if nodes:
            yield f"{name:{width}}  {fold(nodes)}"
        if nodes and step in _BESIDES:
            yield from _BESIDES[step](current)
        if step == _CLOSES and current.start.opens_window:
            yield "-- the offline window ends"


def _before(current: Run, step: str, planned: list[tuple[str, str, list[str]]]) -> Iterator[str]:
    """What comes right before a step: the site is asked, the offline window begins."""
    first = next((it for _, it, nodes in planned if nodes and it in current.openers), "")
    if step == first and judgements.asks(current):
        yield f"-- {' and '.join(current.hooks.programs(OPENING))} may say no"
    if step == _OPENS and current.start.opens_window:
        yield "-- the offline window begins"
        if kept := not_to_reboot(current.start):
            yield f"-- {kept}"


def _besides(current: Run) -> Iterator[str]:
    """What changes beside DAOS in the same transaction."""
    found = ((name, it) for name, their in current.dependencies.items() for it in their)
    for dependency, names in grouped(found).items():
        yield f"-- with {dependency}  {fold(names)}"


def _users(current: Run) -> Iterator[str]:
    """Who uses DAOS by now, and will be disconnected."""
    return (f"-- {words}" for words in in_use.in_short(current.start.of()))


# Steps after which a plan says more.
_BESIDES = {"unmounted": _users, "updated": _besides, "returned": _besides}


def _planned(state: State, steps: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Each operation in order: its name, the step that it is, and the nodes that it will change."""
    for op_hash, step in zip(state.get_op_order(), steps, strict=False):
        name = ", ".join(state.get_op_meta(op_hash).names)
        hosts = (host for host in state.activated_hosts if op_hash in state.ops[host])
        changes = [h.name for h in hosts if state.ops[h][op_hash].operation_meta.will_change]
        yield name, step, changes
