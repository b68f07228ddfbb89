"""One run, and what would come of it: at each fault it forks, and that comes in the copy alone.

What a run does before a fault comes is so done once for all faults of it. The copy goes on to its
end; then the run itself goes on, in a folder that is as it was. A copy in which a fault changes
nothing ends at once: nothing is struck in it.
"""

import os
import pickle
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from gevent import get_hub
from gevent.monkey import get_original

from testbed.faults import ENGINE_DIES

from .faults import BROKEN_BY, Moments, Plan, Planted
from .node import Node

# To see that others change nothing takes longer than it saves: they hardly ever do.
_PERHAPS_NOTHING = {*BROKEN_BY, ENGINE_DIES.name}


class Branching(Plan):
    """The faults of a run, each in a copy of it.

    + faults: all of them
    + folder: where it is typed
    + go: a file from which a byte comes for each copy that nobody needs the folder of any more
    """

    def __init__(self, faults: Sequence[Planted], folder: Path, go: int) -> None:
        super().__init__()
        self._to_come: dict[int, list[Planted]] = {}
        for fault in faults:
            self._to_come.setdefault(fault.nth, []).append(fault)
        self._folder, self._go = folder / "runs", go

    def at(self, node: Node, line: str) -> Moments | None:
        number = len(self.commands)
        plain = super().at(node, line)
        here = self._to_come.pop(number, [])
        if not here:
            return plain
        kept = _Kept(self._folder)
        for fault in here:
            copy = _fork()
            if copy:
                self._wait_for(copy, fault)
                kept.bring_back()
                continue
            self._to_come.clear()
            kept.is_of(os.getppid(), os.getpid())
            self.faults = (fault,)
            if fault.moment == "before" and self._changes_nothing(fault, node, line):
                self.struck.clear()
                self._leave(0)
            return Moments(self, node, line, [fault])
        return plain

    def _changes_nothing(self, fault: Planted, node: Node, line: str) -> bool:
        """Have a fault come; whether all is as if it had not, as where what it stops is stopped."""
        if fault.kind not in _PERHAPS_NOTHING:
            return False
        asked = len(self._cluster.asked)
        before = pickle.dumps(self._cluster)
        self.once(fault, node, line)
        del self._cluster.asked[asked:]
        return pickle.dumps(self._cluster) == before

    def _wait_for(self, copy: int, fault: Planted) -> None:
        """Wait until a copy has ended, and its folder is of no use any more."""
        from .connector import broken

        (waitpid,) = get_original("os", ["waitpid"])
        _, status = waitpid(copy, 0)
        if status:
            broken(f"the run with {fault} handed nothing back ({status})")
        if not os.read(self._go, 1):
            broken("nobody waits for this run any more")


def _fork() -> int:
    """Become two; the id of the copy, and 0 there."""
    sys.stdout.flush()
    sys.stderr.flush()
    (fork,) = get_original("os", ["fork"])
    child = int(fork())
    if not child:
        get_hub().loop.reinit()
        output = os.memfd_create("output")
        os.sendfile(output, 1, 0, os.fstat(1).st_size)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
    return child


class _Kept:
    """What is in a folder, to be brought back."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found = dict(self._content())

    def _content(self) -> Iterator[tuple[Path, bytes | Path]]:
        for path in sorted(self._folder.rglob("*")):
            if path.is_symlink():
                yield path, path.readlink()
            elif not path.is_dir():
                yield path, path.read_bytes()

    def bring_back(self) -> None:
        """Have the folder as it was; files that are open stay the same files."""
        now = dict(self._content())
        for path in now.keys() - self._found.keys():
            path.unlink()
        for path, content in self._found.items():
            if now.get(path) == content:
                continue
            if isinstance(content, Path):
                path.unlink(missing_ok=True)
                path.symlink_to(content)
            else:
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
        for path in self._folder.iterdir():
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()

    def is_of(self, original: int, copy: int) -> None:
        """What the reports say of the process that writes them is true of its copy."""
        for path, content in self._found.items():
            if path.name == "report.json" and isinstance(content, bytes):
                said = rb'("pid": ?)%d\b' % original
                path.write_bytes(re.sub(said, rb"\g<1>%d" % copy, content))
