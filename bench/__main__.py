"""Measure, on labs as `inventory` describes them and simulated; print it, and write it down.

Seconds are those of this machine today; the ratios are what can be compared with another one.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

from testbed.lab.container import Node
from testbed.lab.harness import Lab, LabError, lab_nodes_from_inventory
from testbed.rehearsal.session import lab_of_its_own, newest_run, say

from . import results, simulation
from .window import procedure
from .window.ways import FLOOR, Shells

ROUNDS = 25
WINDOWS = 4  # rounds of updates
_SAMPLES = 0.02  # seconds between two looks at a process
_TICKS = os.sysconf("SC_CLK_TCK")

# What is run on a node, one after the other in each round; the first one is what a process costs.
COMMANDS = [
    "true",
    *(f"systemctl {verb} daos_agent" for verb in ("is-active", "stop", "start")),
]
_STOPWATCH = """
import json, statistics, subprocess, sys, time
commands = json.loads(sys.argv[2])
seconds = {command: [] for command in commands}
for _ in range(int(sys.argv[1])):
    for command in commands:
        begin = time.perf_counter()
        subprocess.run(command.split(), check=True, stdout=subprocess.DEVNULL)
        seconds[command].append(time.perf_counter() - begin)
print(json.dumps({command: statistics.median(found) for command, found in seconds.items()}))
"""


@dataclass
class Row:
    """A line of the table: seconds, and what they are to another figure."""

    what: str
    seconds: float
    ratio: str = ""

    def __str__(self) -> str:
        return f"  {self.what:<52} {self.seconds:9.4f} s  {self.ratio:>8}".rstrip()


@dataclass
class Update:
    """One run of the deploy.

    + report: what it left
    + seconds: how long the command took
    + cpu: the processor time that it had used by then, at many times of the clock
    """

    report: dict[str, Any]
    seconds: float
    cpu: list[tuple[float, float]]

    def cpu_between(self, begin: float, end: float) -> float:
        """The processor time that it used between two times of the clock."""
        return self._cpu_at(end) - self._cpu_at(begin)

    def _cpu_at(self, moment: float) -> float:
        position = bisect_right(self.cpu, (moment, float("inf")))
        return self.cpu[position - 1][1] if position else 0.0


def commands_on(node: Node) -> list[Row]:
    """What systemctl costs on a node, each beside `true` run the same way."""
    arguments = f"{ROUNDS} {shlex.quote(json.dumps(COMMANDS))}"
    said = node.run(f"python3 -IS - {arguments} <<'EOF'\n{_STOPWATCH}\nEOF").stdout
    medians: dict[str, float] = json.loads(said)
    base = medians[COMMANDS[0]]
    return [Row(command, found, f"{found / base:.1f} x") for command, found in medians.items()]


def lab_start(timings: dict[str, float]) -> list[Row]:
    """How long the lab took to come up, by step."""
    total = sum(timings.values())
    rows = [Row(name, seconds, _share(seconds, total)) for name, seconds in timings.items()]
    return [*rows, Row("the lab is up", total, _share(total, total))]


def update(lab: Lab, inventory: str) -> Update:
    """Run the deploy as a person would, and watch what pyinfra itself uses."""
    pyinfra = Path(sys.executable).with_name("pyinfra")
    command = [str(pyinfra), inventory, "deploy.py", "-y"]
    command += ["--data", f"ssh_config_file={lab.ssh_config}"]
    cpu = []
    begin = time.monotonic()
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            while child.poll() is None:
                cpu.append((time.time(), _cpu_time(child.pid)))
                time.sleep(_SAMPLES)
        finally:
            child.terminate()
            child.wait()
        seconds = time.monotonic() - begin
        if child.returncode:
            output.seek(0)
            raise LabError(f"the deploy failed:\n{output.read().decode(errors='replace')}")
    run = newest_run()
    assert run
    return Update(json.loads((run / "report.json").read_text()), seconds, cpu)


def _cpu_time(pid: int) -> float:
    """The processor seconds of a process and of its ended children, see proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def offline_window(lab: Lab, done: Update) -> list[Row]:
    """The length of the window, and the share that each step and pyinfra itself have in it."""
    window = float(done.report["offline_window_s"])
    times = {event: _times(lab, event) for event in ("stop", "start")}
    first = next(t for t in times["stop"] if t >= done.cpu[0][0])
    last = times["start"][-1]
    inside = (p for p in done.report["phases"] if _clock(p["end"]) > first)
    rows = [
        Row(phase["name"], length, _share(length, window))
        for phase in takewhile(lambda phase: _clock(phase["start"]) < last, inside)
        for length in [_clock(phase["end"]) - _clock(phase["start"])]
    ]
    own = done.cpu_between(first, last)
    rows.append(Row("pyinfra's own processor time in the window", own, _share(own, window)))
    rows.append(Row("the offline window", window, _share(window, window)))
    return [*rows, Row("the whole command", done.seconds, _share(done.seconds, window))]


def _times(lab: Lab, event: str) -> list[float]:
    """When agents were stopped, or started."""
    kind = ("daos_agent", event)
    return [_clock(e["time"]) for e in lab.events() if (e["program"], e["event"]) == kind]


def _clock(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}"


def in_shells(inventory: str) -> list[Row]:
    """The same procedure in open shells of root, step by step, which is the floor."""
    shells, rows = Shells(), []
    with lab_of_its_own("bench", Path(inventory), procedure.BEFORE, procedure.FLAVOUR) as lab:
        FLOOR.ready(lab)
        for phase in procedure.phases(lab, fetched=True):
            begin = time.monotonic()
            shells.do(lab, phase)
            rows.append(Row(phase.line[:50], time.monotonic() - begin))
    return rows


def measure(inventory: str = "inventory") -> dict[str, list[Row]]:
    """All figures, by what they are about."""
    nodes = lab_nodes_from_inventory(inventory)
    with (
        tempfile.TemporaryDirectory(prefix="daos-lab-") as folder,
        Lab(nodes, directory=Path(folder) / "lab", name="bench", progress=say) as lab,
    ):
        client = lab.having("clients")[0]
        say(f"{ROUNDS} rounds of commands on {client.name}")
        commands = commands_on(client)
        say("pyinfra inventory deploy.py -y")
        done = update(lab, inventory)
        found = {
            f"Commands on {client.name}: median, and beside `true`": commands,
            f"Start of a lab of {len(nodes)} nodes: seconds, and share": lab_start(lab.timings),
            "The update: seconds, and share of the offline window": offline_window(lab, done),
        }
    found["The same in open shells of root, which is the floor: seconds"] = in_shells(inventory)
    return found


def main() -> int:
    """Measure and print; give the exit code."""
    try:
        window, windows = _said(results.of_the_window(WINDOWS))
        waiting, waits = _said(results.of_the_window(1, slow=True))
        second, seconds = _said(results.of_a_second_run())
        calls, counts = _said(results.of_the_calls())
        farm, costs = _said(results.of_a_farm())
        parts = [f"\n{title}\n" + "\n".join(map(str, rows)) for title, rows in measure().items()]
        print(*parts, sep="\n", flush=True)
        for line in simulation.figures():
            parts.append(line)
            print(line, flush=True)
    except (LabError, subprocess.CalledProcessError) as error:
        print(f"bench: {error}\n{getattr(error, 'stdout', None) or ''}", file=sys.stderr)
        return 1
    rest = ["## What it is made of", "", "```", *"\n".join(parts).strip().splitlines(), "```"]
    data = {"window": windows, "window, slow repository": waits, "second run": seconds}
    data |= {"commands": counts, "farm": costs}
    results.write([window, waiting, second, calls, farm, rest], data)
    return 0


def _said(found: tuple[list[str], dict[str, Any]]) -> tuple[list[str], dict[str, Any]]:
    print("", *found[0], sep="\n", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
