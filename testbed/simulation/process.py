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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from gevent.monkey import get_original

from . import waiting
from .cluster import Cluster

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
    return hash(host.name)


def pyinfra(cluster: Cluster, folder: Path, *words: str, planted: Any = None) -> Outcome:
    """Type `pyinfra @simulation WORDS` in a folder.

    + planted: what goes wrong meanwhile
    Raises Broken.
    """
    load()
    argv = ["inventory", *words]
    cluster.note("command", argv=argv)
    # Not what gevent has put in their place: no loop of it may begin in this process.
    fork, close, waitpid = get_original("os", ["fork", "close", "waitpid"])
    result, hand = os.pipe()
    output = os.memfd_create("output")
    child = fork()
    if not child:
        try:
            close(result)
            _run(cluster, folder, words, planted, hand, output)
        finally:  # whatever comes up there, it must not go on as a second one of this process
            _leave(_CRASHED)
    close(hand)
    with os.fdopen(result, "rb") as pipe:
        content = pipe.read()
    _, status = waitpid(child, 0)
    with os.fdopen(output, "rb") as file:
        file.seek(0)
        said = file.read().decode(errors="backslashreplace")
    if not content:
        raise Broken(f"the run handed nothing back ({status}):\n{said}")
    code, after, told, problem = pickle.loads(content)
    if problem:
        raise Broken(f"{problem}\n{said}")
    after.note("command-ended", argv=argv, exit=code)
    return Outcome(code if code >= 0 else 128 - code, said, after, told)


def _run(
    cluster: Cluster, folder: Path, words: Sequence[str], planted: Any, hand: int, output: int
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
            pickle.dump((code, cluster, told, problem), pipe, protocol=5)
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
