"""Programs in the place of those that a node has."""

from __future__ import annotations

from pathlib import Path


def stand_in(folder: Path, name: str, line: str) -> None:
    """A program of this name that runs a line of shell.

    + folder: where it is put, in the place of what is there
    """
    path = folder / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
