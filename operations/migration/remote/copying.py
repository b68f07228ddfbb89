"""A copy of a tree from beginning to end; one that was interrupted goes on where it was."""

import time
from typing import Any, Dict, List, Optional

from . import changes, parallel, prepare, serial
from . import files as whole
from .beneath import Beneath
from .failure import Failure, some, text
from .marker import Marker
from .mend import mend
from .tree import FILE, Entry, Tree, alone, differences, files, size, walk
from .way import Way


def copy(
    way: Way, job: Optional[parallel.Job] = None, anew: bool = False, note: bytes = b""
) -> Dict[str, Any]:
    """Make the destination what the source is, and tell what changed in the source meanwhile.

    What is in the destination and not in the source is removed from it. A file that changed is
    not left in the destination, so that the next run copies it again whatever its time says.

    + job: the parallel job; None for cp on this client
    + anew: copy again what looks complete, too
    + note: where the note on this copy is kept (see `marker`)

    Raises Failure and OSError; what is copied by then stays, and the next run goes on.
    """
    began = time.monotonic()
    source, target, progress = way.source, way.target, way.progress
    marker = Marker(source, target, note)
    if anew:
        marker.trust(False)
    before = walk(source, progress.begin("looking at the source"), container=way.container)
    progress.begin("looking at the destination")
    complete = prepare.clear(target, before, walk(target, progress), marker.trusted)
    prepare.make(target, before)
    copied = [
        entry for path, entry in before.items() if entry.type == FILE and path not in complete
    ]
    _copy(way, job, marker, before, copied)
    mend(target, before, progress.begin("setting attributes", of_files=len(before)))
    whole.settle(target)
    progress.begin("looking at the source again", of_files=len(before))
    found = changes.between(before, walk(source, progress, container=way.container))
    _discard_changed(target, before, found)
    progress.begin("comparing", of_files=len(before))
    _check(target, before, walk(target, progress), found)
    return {
        "files": files(before),
        "bytes": size(before.values()),
        "copied_files": len(copied),
        "copied_bytes": size(copied),
        "seconds": round(time.monotonic() - began, 3),
        **changes.named(found),
    }


def _copy(
    way: Way, job: Optional[parallel.Job], marker: Marker, before: Tree, lacking: List[Entry]
) -> None:
    """Of a file with several names the first is copied, and the others are linked to it later."""
    todo = [entry for entry in lacking if not entry.leader]
    of_files, of_bytes = len(alone(before)), size(before.values())
    done = (of_files - len(todo), of_bytes - size(todo))
    way.progress.begin("copying", of_files, of_bytes, *done)
    if job is None:
        marker.trust(True)  # what was not to be trusted is removed by now
        serial.copy(way, todo)
    elif todo:
        # dcp sets the times of a file also where it could not write all of it, and a process that
        # is killed does not tell which files it had in hand: only its good end makes them good.
        marker.trust(False)
        parallel.copy(way, before, job)
        marker.trust(True)


def _discard_changed(target: bytes, before: Tree, found: changes.Changes) -> None:
    with Beneath(target) as beneath:
        for path in found["changed"] + found["vanished"]:
            if before[path].type == FILE:
                prepare.remove(beneath, before[path])


def _check(target: bytes, before: Tree, have: Tree, found: changes.Changes) -> None:
    """Whether the destination took all. Of a folder that lost an entry the time is another one."""
    if any(found.values()):
        return
    wrong = []
    for path, entry in before.items():
        keys = differences(entry, have[path]) if path in have else ["missing"]
        if keys:
            wrong.append("{} ({})".format(text(path), ", ".join(keys)))
    if wrong:
        raise Failure(
            "after the copy these are not in {} as they are in the source: {}. Does its file "
            "system keep all of that?".format(text(target), some(wrong))
        )
