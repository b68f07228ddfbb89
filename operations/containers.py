"""How many containers each pool has, before and after an update, as one client sees it.

Nothing depends on it: it is for whoever has to say the next morning that all is there. dmg does not
list containers, so `daos` does on a client whose agent runs, while DAOS serves; not where there are
so many pools that it would take long.
"""

from contextlib import suppress

from pyinfra.api import Host

from .daos import dmg
from .daos.dmg import DmgError
from .daos.node import AGENT
from .machinery import commandline
from .machinery.run import Run

_MOST = 16  # pools
_EACH = 10  # seconds; one that takes longer is the last one that is asked about

_QUERY = f'timeout {_EACH} daos -j container list "$pool" 2>/dev/null; [ $? -lt 124 ] || break'


def count_before(current: Run) -> None:
    """Count them before anything is touched; not for a plan, which stops nothing."""
    start = current.start
    if start.opens_window and start.serving and not (commandline.dry() or start.record):
        current.containers = {uuid: (count, None) for uuid, count in _counts(current).items()}


def count_after(current: Run) -> None:
    """Count them again, once the clients have been seen to reach the system."""
    if not current.acted or not current.start.opens_window:
        return
    before = {uuid: counts[0] for uuid, counts in current.containers.items()}
    found = _counts(current)
    current.containers = {it: (before.get(it), found.get(it)) for it in {*before, *found}}


def _counts(current: Run) -> dict[str, int]:
    """Pool by UUID to how many containers it has, for those of which that could be told."""
    host, pools = _client(current), current.start.pools
    if host is None or not 0 < len(pools) <= _MOST or current.procedure.always_acts:
        return {}
    line = dmg.one_by_one(pools, _QUERY)
    _, output, _ = current.ask(host, line, timeout=_EACH * (len(pools) + 1))
    said = dmg.answers(output)
    return {uuid: count for uuid, text in said.items() if (count := _count(text)) is not None}


def _count(text: str) -> int | None:
    """How many containers an answer lists; None where it is none, as of a pool of others."""
    with suppress(DmgError):
        rows = dmg.response(text)
        return len(rows) if isinstance(rows, list) else 0 if rows is None else None
    return None


def _client(current: Run) -> Host | None:
    names = current.start.where(lambda node: node.serves(AGENT), "clients")
    return current.host(names[0]) if names else None
