"""What is compared of a run on two clusters: what was done on each node, and what was answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import unified_diff
from typing import Any

from .alike import Alike
from .fronts import Row

_MOST = 2000  # characters of a command that are shown


@dataclass
class Part:
    """A command that changes a node, and what was answered before it and after the one before.

    + asked: each question with its last answer: how often a state was asked for is of no account
    + line, answer: the command; "" after the last one
    """

    asked: dict[str, Any] = field(default_factory=dict)
    line: str = ""
    answer: Any = None


def parts(rows: Iterable[Row], node: str, alike: Alike) -> list[Part]:
    """What was done on a node."""
    found = [Part()]
    for host, line, done, out, err in rows:
        if host != node:
            continue
        said = alike.answer(line, (int(not done), out, err))
        if alike.asks_only(line):
            found[-1].asked[alike.text(line)] = said
        else:
            found[-1].line, found[-1].answer = alike.text(line), said
            found.append(Part())
    return found


def differences(lab: list[Part], simulated: list[Part]) -> Iterator[str]:
    """Where two runs differ, in words."""
    lines = [[part.line for part in parts] for parts in (lab, simulated)]
    if lines[0] != lines[1]:
        told = unified_diff(lines[0], lines[1], "lab", "simulation", lineterm="", n=0)
        yield "other commands:\n" + "\n".join(line[:_MOST] for line in told)
        return
    for one, other in zip(lab, simulated, strict=True):
        what = one.line or "the end"
        yield from unlike(f"`{what}`", one.answer, other.answer)
        for question in one.asked.keys() & other.asked.keys():
            before = f"`{question[:80]}` before `{what[:80]}`"
            yield from unlike(before, one.asked[question], other.asked[question])


def unlike(what: str, lab: Any, simulated: Any) -> Iterator[str]:
    """Where two answers differ: each place with both."""
    if isinstance(lab, dict) and isinstance(simulated, dict):
        for key in sorted(lab.keys() | simulated.keys(), key=str):
            yield from unlike(f"{what}, {key}", lab.get(key), simulated.get(key))
    elif isinstance(lab, list) and isinstance(simulated, list) and len(lab) == len(simulated):
        for number, (one, other) in enumerate(zip(lab, simulated, strict=True)):
            yield from unlike(f"{what}, {number}", one, other)
    elif lab != simulated:
        yield f"{what}:\n    lab        {lab!r}\n    simulation {simulated!r}"
