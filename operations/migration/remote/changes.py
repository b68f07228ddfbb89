"""What became of a source between two looks at it."""

from typing import Dict, List

from .failure import text
from .tree import ROOT, Entry, Tree, differences

Changes = Dict[str, List[bytes]]


def between(before: Tree, after: Tree) -> Changes:
    """The paths that have changed, vanished, or are new.

    The time of the last change of status (ctime) shows a change that a program has hidden behind
    an old time of modification; it is heeded unless this file system makes it up at each look.
    """
    made_up = _ctime_is_made_up(before, after)

    def changed(one: Entry, other: Entry) -> bool:
        return bool(differences(one, other)) or (not made_up and one.ctime != other.ctime)

    return {
        "changed": [
            path for path in before if path in after and changed(before[path], after[path])
        ],
        "vanished": [path for path in before if path not in after],
        "new": [path for path in after if path not in before],
    }


def named(found: Changes) -> Dict[str, List[str]]:
    """The same for JSON."""
    return {kind: [text(path) for path in paths] for kind, paths in found.items()}


def _ctime_is_made_up(before: Tree, after: Tree) -> bool:
    one, other = before[ROOT], after[ROOT]
    return one.ctime != other.ctime and not differences(one, other)
