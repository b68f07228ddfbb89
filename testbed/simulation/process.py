"""pyinfra, run on a simulated cluster: in a process of its own, as it is typed.

That process is a copy of this one, in which all is loaded. It has the cluster, works with it, and
hands it back when it ends, in whatever way; so one process has one run, as in a terminal.
"""

import atexit
import datetime
import gc
import os
import pickle
import signal
import sys
import traceback
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Self

from gevent.monkey import get_original

from . import waiting
from .branching import Branching
from .cluster import Cluster
from .faults import Plan, Planted

ROOT = Path(__file__).parents[2]
REGISTERED = Path(__file__).parent / "registered"
_CRASHED = 70
_leave = os._exit
_GARBAGE = 200_000  # objects until Python looks for garbage: a small run ends before
_ready = False


@dataclass
class Outcome:
    """How a command ended.

    + exit_code: as a shell tells it: 128 and the signal, where one has ended it
    + output: all that it printed
    + cluster: the cluster afterwards
    + told: what the faults that were planted have to tell
    """

    exit_code: int
    output: str
    cluster: Cluster
    told: Any = None


class Broken(Exception):
    """The simulation itself does not work; the text has what came up."""


def load(project: Path = ROOT) -> None:
    """Load all that a run needs, once.

    + project: the folder whose `operations` they are
    """
    global _ready
    if _ready:
        return
    _ready = True
    datetime.datetime = waiting.Now  # type: ignore[misc] # whatever is loaded from here on has it
    sys.path.insert(0, str(REGISTERED))
    sys.path.insert(0, str(project))
    import importlib

    from pyinfra.api import Host, connectors, inventory

    found = connectors.get_all_connectors()
    running = {name: kind for name, kind in found.items() if kind.handles_execution}
    connectors.get_all_connectors = inventory.get_all_connectors = lambda: found
    connectors.get_execution_connectors = inventory.get_execution_connectors = lambda: running
    importlib.import_module("pyinfra_cli.main")
    importlib.import_module("installed.daos_pyinfra")
    for path in sorted((project / "operations").rglob("*.py")):
        name = ".".join(path.relative_to(project).with_suffix("").parts)
        if "remote" not in name and "__main__" not in name:
            importlib.import_module(name.removesuffix(".__init__"))
    importlib.import_module("operations.reporting.page").template()
    # pyinfra goes through sets of hosts, whose order would be that of their addresses in memory.
    Host.__hash__ = _hashed  # type: ignore[assignment]
    gc.collect()
    gc.freeze()


def _hashed(host: Any) -> int:
    return zlib.crc32(host.name.encode())  # of a text, hash() is another in each process


def pyinfra(cluster: Cluster, folder: Path, *words: str, planted: Any = None) -> Outcome:
    """Type `pyinfra @simulation WORDS` in a folder.

    + planted: what goes wrong meanwhile
    Raises Broken.
    """
    argv = ["inventory", *words]
    cluster.note("command", argv=argv)
    with _Child(cluster, folder, words, planted) as child:
        return child.outcome(argv)


def branches(
    cluster: Cluster, folder: Path, *words: str, faults: Sequence[Planted]
) -> Iterator[tuple[Planted, Outcome]]:
    """How a run ends with each of these faults, one at a time: it forks where the fault comes.

    What is in the folder is as the run with this fault has left it until the next one is asked for.

    + faults: in any order; they are given with their outcomes in the order in which they come
    Raises Broken.
    """
    argv = ["inventory", *words]
    cluster.note("command", argv=argv)
    waits, go = os.pipe()
    try:
        with _Child(cluster, folder, words, Branching(faults, folder, waits)) as child:
            for fault in sorted(faults, key=lambda fault: fault.nth):
                yield fault, child.outcome(argv)
                os.write(go, b"\0")
            child.outcome(argv)
    finally:
        os.close(waits)
        os.close(go)


class _Child:
    """A copy of this process, which is pyinfra, and copies of that one."""

    def __init__(
        self, cluster: Cluster, folder: Path, words: Sequence[str], planted: Plan | None
    ) -> None:
        load()
        # Not what gevent has put in their place: no loop of it may begin in this process.
        fork, close = get_original("os", ["fork", "close"])
        result, hand = os.pipe()
        self._output = os.memfd_create("output")
        self._pid = fork()
        if not self._pid:
            try:
                close(result)
                _run(cluster, folder, words, planted, hand, self._output)
            finally:  # whatever comes up there, it must not go on as a second one of this process
                _leave(_CRASHED)
        close(hand)
        self._pipe = os.fdopen(result, "rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind and self._pid:
            os.kill(self._pid, signal.SIGKILL)
        self._pipe.close()
        os.close(self._output)
        self._waited()

    def _waited(self) -> int:
        (waitpid,) = get_original("os", ["waitpid"])
        if self._pid:
            _, status = waitpid(self._pid, 0)
            self._pid = 0
            return int(status)
        return 0

    def outcome(self, argv: list[str]) -> Outcome:
        """How the next copy has ended. Raises Broken."""
        try:
            code, after, told, said, problem = pickle.load(self._pipe)
        except EOFError:
            said = _read(self._output)
            raise Broken(f"the run handed nothing back ({self._waited()}):\n{said}") from None
        if problem:
            raise Broken(f"{problem}\n{said}")
        after.note("command-ended", argv=argv, exit=code)
        return Outcome(code if code >= 0 else 128 - code, said, after, told)


def _read(output: int) -> str:
    """All that has been printed."""
    content = os.pread(output, os.fstat(output).st_size, 0)
    return content.decode(errors="backslashreplace")


def _run(
    cluster: Cluster,
    folder: Path,
    words: Sequence[str],
    planted: Plan | None,
    hand: int,
    output: int,
) -> NoReturn:
    """The child: be pyinfra."""
    from . import connector

    problem = ""

    def ends(code: int) -> NoReturn:
        """Hand the cluster back, and leave."""
        if planted:
            planted.ends()
        for node in cluster.nodes.values():
            node.drop_connections()
        told = planted.told() if planted else None
        with os.fdopen(hand, "wb") as pipe:
            pickle.dump((code, cluster, told, _read(1), problem), pipe, protocol=5)
        _leave(0)

    def broken(why: str) -> NoReturn:
        nonlocal problem
        problem = why
        ends(_CRASHED)

    os._exit = ends  # type: ignore[assignment]
    gc.set_threshold(_GARBAGE)
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.chdir(folder)
        atexit._clear()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
        sys.argv = ["pyinfra", "@simulation", *words]
        connector.cluster, connector.planted, connector.broken = cluster, planted, broken
        waiting.now = waiting.Waiting(cluster.clock)
        waiting.now.begin()
        if planted:
            planted.begins(cluster, ends)
        code = _pyinfra()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        problem, code = traceback.format_exc(), _CRASHED
    ends(code)


def _pyinfra() -> int:
    from installed import daos_pyinfra

    code = 0
    try:
        daos_pyinfra.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    atexit._run_exitfuncs()
    return code
