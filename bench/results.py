"""What `make bench` leaves: bench/results.md for people, and bench/results.json."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from testbed.lab.harness import lab_nodes_from_inventory

from .window import again, calls, procedure, rounds

_HERE = Path(__file__).parent
_HEAD = """\
# What was measured

By `make bench`, on {processors} processors, {day}. Seconds are those of that machine on that day;
only ratios can be compared with another one's.
"""
# Servers, admin nodes and clients of farms; of a thousand nodes clush alone takes many minutes.
_FARMS = (("4,1,3",), ("32,1,31",), ("128,1,255",), ("100,1,899", "alone"))
# Way to the ratio of our window to its own that is wanted.
_GOALS = {
    "clush, typed by an expert": 1.0,
    "clush, as documented": 0.65,
    "Ansible, packages fetched before": 0.5,
    "the floor: open root shells": 1.1,
}


def of_the_window(
    count: int, slow: bool = False, inventory: str = "inventory"
) -> tuple[list[str], dict[str, Any]]:
    """The window beside that of other ways: a table for people, and the same as data.

    + count: how many rounds
    + slow: whether the repository is slow: who fetches in the window waits for it there
    """
    found = rounds.rounds(count, inventory, slow)
    compared = rounds.compared(found)
    rows = [
        (
            it.way,
            f"{it.seconds:.2f}",
            f"{statistics.median(it.ratios):.2f}",
            f"{_GOALS[it.way]:.2f}" if it.way in _GOALS else "",
            " ".join(f"{ratio:.2f}" for ratio in it.ratios),
            "" if it.others is None else f"{it.others:.0%}",
        )
        for it in compared
    ]
    head = ("way", "window, s", "ours to it", "goal", "round by round", "others' processor time")
    title = f"## The offline window of {len(lab_nodes_from_inventory(inventory))} nodes"
    told = f"Medians of {count} rounds, each way on a fresh lab."
    if slow:
        title += ", with a slow repository"
        told = (
            f"One round. The packages of all nodes take {procedure.FETCHING} seconds of the "
            "repository: who fetches them in the window waits for them there."
        )
    data = {it.way: asdict(it) for it in compared}
    return [title, "", told, "", *table(head, rows)], data


def of_a_second_run(inventory: str = "inventory") -> tuple[list[str], dict[str, Any]]:
    """The same command once more, and its plan."""
    found = again.measured(inventory)
    first = found["the update"]
    rows = [(what, f"{it:.2f}", f"{it / first:.2f}") for what, it in found.items()]
    head = ("typed", "whole command, s", "to the update")
    return ["## A second run", "", *table(head, rows)], found


def of_the_calls() -> tuple[list[str], dict[str, Any]]:
    """How many commands a node gets."""
    found = calls.measured(4, 1, 3)
    rows = [(it.role, f"{it.window:.0f}", f"{it.whole:.0f}", str(it.most)) for it in found]
    head = ("nodes", "in the window (goal 5)", "in the whole run (goal 14)", "at most")
    told = (
        "Four servers, an admin node and three clients, simulated; medians. The first server keeps "
        "the lock, the first client counts containers, and the admin node has dmg, which waits."
    )
    data = {it.role: asdict(it) for it in found}
    return ["## Commands a node", "", told, "", *table(head, rows)], data


def of_a_farm() -> tuple[list[str], dict[str, Any]]:
    """What the coordinator uses, by the number of nodes."""
    found = [_farm(*size) for size in _FARMS]
    rows = [
        (
            f"{it['nodes']:,}",
            f"{it['update']:.1f}",
            f"{1000 * it['update'] / it['nodes']:.0f}",
            f"{it['commands'] / it['nodes']:.1f}",
            *(_ratio(it["update"], it[way]) for way in ("clush", "expert")),
            f"{it['again'] / it['update']:.2f}",
            f"{it['memory']:.0f}",
            *(f"{seconds:.1f}" if seconds else "" for seconds in it["longest"]),
        )
        for it in found
    ]
    head = (
        *("nodes", "processor time, s", "ms a node", "commands a node"),
        *("to clush (goal 0.30)", "to clush's expert"),
        *("typed again, to that", "memory, MiB", "longest step, s", "longest of clush, s"),
    )
    told = (
        "Simulated nodes behind SSH on loopback, that take no time of their own: what is measured "
        "is who talks to them. clush has 14 commands for the same steps."
    )
    return ["## The coordinator alone", "", told, "", *table(head, rows)], {"sizes": found}


def _farm(*words: str) -> dict[str, Any]:
    """One size, in a process of its own. Raises CalledProcessError."""
    command = [sys.executable, "-m", "bench.farm.measured", *words]
    done = subprocess.run(command, cwd=_HERE.parent, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _ratio(ours: float, other: float | None) -> str:
    return f"{ours / other:.2f}" if other else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table of Markdown."""
    return [_row(head), _row(["---"] * len(head)), *map(_row, rows)]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def write(sections: Sequence[Sequence[str]], data: dict[str, Any]) -> None:
    """Write both files.

    + sections: the lines of each section for people
    """
    now = datetime.now(UTC)
    head = _HEAD.format(processors=os.cpu_count(), day=f"{now:%Y-%m-%d}")
    text = "\n".join([head, *("\n".join([*section, ""]) for section in sections)])
    (_HERE / "results.md").write_text(text, "utf-8")
    (_HERE / "results.json").write_text(json.dumps(data, indent=2) + "\n", "utf-8")
