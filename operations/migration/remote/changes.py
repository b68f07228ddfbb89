"""What became of a source between two looks at it."""

from typing import Dict, List

from .failure import text
from .tree import Entry, Tree, differences

Changes = Dict[str, List[bytes]]


def between(before: Tree, after: Tree) -> Changes:
    """The paths that have changed, vanished, or are new.

    The time of the last change of status (ctime) shows a change that its owner has hidden behind an
    old time of modification. DAOS keeps it with each entry (src/client/dfs/dfs.c of v1.0.1), and a
    file system that would make it up at each look is none to copy from while somebody writes.
    """

    def changed(one: Entry, other: Entry) -> bool:
        return bool(differences(one, other)) or one.ctime != other.ctime

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
