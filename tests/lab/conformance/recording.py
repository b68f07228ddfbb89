"""Writes down each command of a run with its answer, by whatever way it went to its node.

`python recording.py ROWS ARGV...` is pyinfra with these arguments, which does so.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[3]


def record(rows: Path) -> None:
    """From here on, have a line for each command: node, command, whether it went well, answers."""
    from operations.machinery import hosts
    from operations.machinery.framing import apart
    from testbed.simulation.connector import told_apart

    asked = hosts.command

    def command(state: Any, host: Any, line: str, timeout: int) -> tuple[bool, str, str]:
        done, output, errors = asked(state, host, line, timeout)
        first, _, question = told_apart(line)
        found = [(line, done, output, errors)]
        if question:
            code, said, answer = apart(output)
            found = [(first, code == 0, said, errors), (question, done, answer, "")]
        with rows.open("a") as file:
            file.writelines(json.dumps([host.name, *it]) + "\n" for it in found)
        return done, output, errors

    hosts.command = command


def main() -> None:
    """Be pyinfra."""
    rows, *sys.argv[1:] = sys.argv[1:]
    sys.path[0] = str(_ROOT)
    record(Path(rows))
    from daos_pyinfra import main as pyinfra

    sys.exit(pyinfra())


if __name__ == "__main__":
    main()
