"""Many nodes or ranks in a few words: "daos-server-[01-04]", "0-7,9". No I/O."""

from collections.abc import Iterable

from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet
from ClusterShell.RangeSet import RangeSet, RangeSetException


def fold(names: Iterable[str]) -> str:
    """Node names as a folded node set, "s[01-04]"; listed where it cannot be."""
    known = sorted(set(names))
    try:
        # Without a resolver: a node name is never looked up as the name of a ClusterShell group.
        return str(NodeSet.fromlist(known, resolver=RESOLVER_NOGROUP))
    except Exception:  # its parser raises more than its own errors
        return ", ".join(known)


def unfold(names: str) -> list[str]:
    """The names in a folded node set, in its order. Raises ValueError for what is none."""
    try:
        return list(NodeSet(names, resolver=RESOLVER_NOGROUP))
    except Exception as problem:
        raise ValueError(str(problem)) from problem


def fold_ranks(ranks: Iterable[int]) -> str:
    """Ranks as ranges, "0-7,9"; "" for none."""
    return str(RangeSet.fromlist(map(str, ranks)))


def unfold_ranks(ranges: str) -> list[int]:
    """The ranks in such ranges, the lowest first. Raises ValueError for what is none."""
    try:
        return list(RangeSet(ranges).intiter()) if ranges else []
    except RangeSetException as problem:
        raise ValueError(str(problem)) from problem
