"""Measure the simulation: how many updates that go wrong it plays a minute, and what a run costs.

`python -m bench.simulation` prints this part alone; it needs no container engine.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).parents[1]
# Servers, admin nodes and clients: how many cases are drawn, and of how many single faults one.
_PLAYED = {"2,1,1": (300, 1), "4,1,3": (150, 10)}
# Servers, admin nodes and clients, the last as 1,000 servers with 10,000 clients.
_SIZES = ((2, 1, 1), (4, 1, 3), (32, 1, 31), (128, 1, 255), (100, 1, 999), (1000, 1, 10000))
_MIB = 1024  # KiB
_SAMPLE = 0.001  # seconds of processor time between two looks at what it is used for
# Whose work it is, by where the innermost of the functions that are known lies.
_WHOSE = {
    "pyinfra": ("/pyinfra/", "/pyinfra_cli/", "/click/", "/gevent/"),
    "the simulation": ("/testbed/",),
    "our operations and report": ("/operations/", "/installed/", "/jinja2/", "/ClusterShell/"),
}


def rates() -> Iterator[str]:
    """How many updates with faults are played in a minute on all processors, each to its end."""
    for nodes, (cases, sample) in _PLAYED.items():
        count = sum(map(int, nodes.split(",")))
        words = ("--seed", "1", "--nodes", nodes)
        seconds, told = _explored("--every", "--sample", str(sample), *words)
        played = _sum("played", told)
        yield (
            f"  {count} nodes, one fault, one of {sample} of all: {60 * played / seconds:5.0f} "
            f"a minute ({played} in {seconds:.0f} s)"
        )
        seconds, told = _explored("--cases", str(cases), *words)
        played = _sum("cases,", told)
        yield (
            f"  {count} nodes, up to three faults, drawn: {60 * played / seconds:5.0f} a minute "
            f"({played} in {seconds:.0f} s, {_sum('runs', told) / played:.1f} runs each)"
        )


def _sum(what: str, told: str) -> int:
    """What the processes of an exploration have counted, together."""
    return sum(map(int, re.findall(rf"(\d+) {what}", told)))


def _explored(*words: str) -> tuple[float, str]:
    """How many seconds an exploration takes, and what it prints. Raises CalledProcessError."""
    begin = time.monotonic()
    command = [sys.executable, "-m", "testbed.exploration", *words]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return time.monotonic() - begin, done.stdout


def sizes() -> Iterator[str]:
    """What an update without faults costs, by the size of the cluster."""
    for size in _SIZES:
        words = [sys.executable, "-m", "bench.simulation", ",".join(map(str, size))]
        done = subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        seconds, peak, whose = json.loads(done.stdout)
        share = ", ".join(f"{name} {part:.0%}" for name, part in whose.items())
        yield (
            f"  {sum(size):6} nodes {seconds:8.2f} s of processor time, "
            f"{1000 * seconds / sum(size):5.1f} ms a node, {peak:5.0f} MiB; {share}"
        )


def _one(servers: int, admins: int, clients: int) -> tuple[float, float, dict[str, float]]:
    """Processor seconds, MiB at most, and whose work it is, of one update in the simulation."""
    from testbed.exploration.play import Site
    from testbed.simulation import build, process

    process.load(ROOT)
    site = Site(ROOT)
    words = ("deploy.py", "-y")
    done = process.pyinfra(build.simple(servers, admins, clients), site.path, *words)
    assert done.exit_code == 0, done.output
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    whose = _whose(build.simple(servers, admins, clients), site.path) if clients < 100 else {}
    return used.ru_utime + used.ru_stime, used.ru_maxrss / _MIB, whose


def _whose(cluster: object, folder: Path) -> dict[str, float]:
    """Whose work a run is, as shares of its processor time: looked at again and again."""
    from testbed.simulation import process

    found: Counter[str] = Counter()
    told = tempfile.TemporaryFile()  # noqa: SIM115 - its own process writes it, and ends
    run, leave = process._pyinfra, process._leave

    def look(_: int, frame: FrameType | None) -> None:
        while frame and not (owner := _owner(frame.f_code.co_filename)):
            frame = frame.f_back
        found[owner if frame else "Python"] += 1

    def looked_at() -> int:
        signal.signal(signal.SIGPROF, look)
        signal.setitimer(signal.ITIMER_PROF, _SAMPLE, _SAMPLE)
        return run()

    def ends(code: int) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        os.write(told.fileno(), json.dumps(found).encode())
        leave(code)

    process._pyinfra, process._leave = looked_at, ends  # type: ignore[assignment]
    process.pyinfra(cluster, folder, "deploy.py", "-y")  # type: ignore[arg-type]
    told.seek(0)
    counts: dict[str, int] = json.loads(told.read())
    return {name: count / sum(counts.values()) for name, count in sorted(counts.items())}


def _owner(path: str) -> str:
    for name, places in _WHOSE.items():
        if any(place in path for place in places):
            return name
    return ""


def figures() -> Iterator[str]:
    """All figures, line by line as they come."""
    yield f"\nUpdates that go wrong, simulated, on {os.cpu_count()} processors"
    yield from rates()
    yield "\nAn update that nothing disturbs, simulated"
    yield from sizes()


def main(words: list[str]) -> int:
    """Print all figures, or measure one size, in a process of its own."""
    if words:
        print(json.dumps(_one(*map(int, words[0].split(",")))))
        return 0
    try:
        for line in figures():
            print(line, flush=True)
    except subprocess.CalledProcessError as failed:
        print(f"bench: {shlex.join(failed.cmd)} failed:\n{failed.stdout}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
