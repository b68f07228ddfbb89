"""The captured runs of the real dmg under tests/data: command, output, exit code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Capture:
    """One run: its arguments, what it printed on both outputs together, and its exit code.

    + exit_code: None where it did not end by itself, but was killed after a while
    """

    name: str
    arguments: str
    output: str
    exit_code: int | None


def read(release: str) -> list[Capture]:
    """All captures of a release, like "2.0.3"."""
    return [_parse(path) for path in sorted((DATA / f"dmg-{release}").glob("*.txt"))]


def named(name: str, release: str = "2.0.3") -> Capture:
    """One capture by its file name without the ending."""
    return _parse(DATA / f"dmg-{release}" / f"{name}.txt")


def _parse(path: Path) -> Capture:
    first, _, rest = path.read_text().partition("\n")
    match = re.search(r"\[(?:exit (\d+)|no end after \d+ s; killed)\]\n?\Z", rest)
    assert match, f"{path} does not end with an exit code"
    arguments = first.removeprefix("$ dmg ").split("#")[0].strip()
    exit_code = int(match[1]) if match[1] else None
    return Capture(path.stem, arguments, rest[: match.start()], exit_code)
