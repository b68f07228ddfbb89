"""What all rehearsals do: a lab of their own, typed commands, and a word on the outcome."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testbed.lab.harness import Lab, lab_nodes_from_inventory
from testbed.referee import Verdict

RUNS = Path("runs")


@contextmanager
def lab_of_its_own(
    name: str, inventory: Path, version: str, flavour: str, **more: Any
) -> Iterator[Lab]:
    """A lab of the nodes that an inventory names, for this block; of its folder nothing is left.

    + name: a part of the names of folder and containers
    + more: further parameters of Lab
    """
    nodes = lab_nodes_from_inventory(inventory, flavour)
    directory = Path(".lab") / f"{name}-{os.getpid()}"
    try:
        with Lab(nodes, version, directory, name, progress=say, **more) as lab:
            yield lab
    finally:
        if directory.is_dir():  # the files that have to go are gone already
            shutil.rmtree(directory)


def typed(lab: Lab, inventory: Path, *arguments: str) -> int:
    """Type `pyinfra INVENTORY ARGUMENTS`, to the lab; its output goes where ours goes."""
    pyinfra = Path(sys.executable).parent / "pyinfra"
    command = [str(pyinfra), str(inventory), *arguments]
    command += ["--data", f"ssh_config_file={lab.ssh_config}"]
    say(f"pyinfra {' '.join(command[1:])}")
    lab.note("command", argv=command[1:])
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        return child.wait()
    except BaseException:
        child.terminate()
        raise
    finally:
        lab.note("command-ended", argv=command[1:], exit=child.wait())


def newest_run() -> Path | None:
    """The folder of the run that was typed last; runs/latest is the last one that has acted."""
    runs = [path for path in RUNS.absolute().glob("*") if path.is_dir() and not path.is_symlink()]
    return max(runs, key=lambda path: path.name, default=None)


def written(path: Path) -> dict[str, Any]:
    """What a run has written into a file; {} if there is nothing that can be read."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def broken_rules(verdicts: Sequence[Verdict]) -> list[str]:
    """A sentence about each breach that the referee saw."""
    return [
        f"{verdict.rule} is broken: {sentence}"
        for verdict in verdicts
        if verdict.state == "broken"
        for sentence in verdict.sentences
    ]


def concluded(complaints: Sequence[str], run: Path, hint: str = "", success: str = "") -> int:
    """Say how a rehearsal ended; give the exit code: 0 only if there is nothing to complain about.

    + run: the folder that holds what happened
    """
    for complaint in complaints:
        say(f"NOT GOOD: {complaint}")
    if complaints:
        say(f"what happened is in {run.relative_to(Path.cwd())}{hint}")
        return 1
    if success:
        say(success)
    say("the rehearsal succeeded")
    return 0


def say_where_time_went(timings: dict[str, float]) -> None:
    """Print how long the lab took to come up, and with what."""
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in timings.items())
    say(f"the lab is up after {sum(timings.values()):.1f} s ({parts})")


_BEGIN = time.monotonic()


def say(line: str) -> None:
    """Print a line of the lab's own, with the seconds since the start."""
    print(f"[lab {time.monotonic() - _BEGIN:5.1f} s] {line}", flush=True)
