#!/usr/bin/python3 -IS
"""journalctl of a node: prints what services wrote.

Without `-o cat` each line is preceded by host and unit; times are those that programs print.
Options that are not known (`--no-pager`, `--since`, `-b`) are ignored.
"""

import os
import sys

LOGS = "/var/log/journal-lab"
_WITH_VALUE = {"-u": "unit", "--unit": "unit", "-n": "lines", "--lines": "lines", "-o": "output"}
_WITH_VALUE |= {"--output": "output", "--since": "since", "-S": "since", "--until": "until"}
_WITH_VALUE |= {"-U": "until", "-p": "priority", "--priority": "priority"}


def options(argv: list[str]) -> dict[str, list[str]]:
    """The options with values: {unit: [...], lines: [...], output: [...]}."""
    found: dict[str, list[str]] = {}
    rest = iter(argv)
    for word in rest:
        name, assigned, value = word.partition("=")
        if name not in _WITH_VALUE and not name.startswith("--") and name[:2] in _WITH_VALUE:
            name, assigned, value = word[:2], "=", word[2:]  # -n20
        if name in _WITH_VALUE:
            found.setdefault(_WITH_VALUE[name], []).append(value if assigned else next(rest, ""))
    return found


def entries(unit: str, plain: bool) -> list[str]:
    """The lines of one unit. Raises OSError where they cannot be read."""
    try:
        with open(f"{LOGS}/{unit}.log", errors="replace") as stream:  # noqa: PTH123
            lines = stream.read().splitlines()
    except FileNotFoundError:
        return []
    prefix = "" if plain else f"{os.uname().nodename} {unit.removesuffix('.service')}: "
    return [prefix + line for line in lines]


def main(argv: list[str]) -> int:
    """Print the last lines of the units that were asked for, of all units where none was."""
    wanted = options(argv)
    plain = wanted.get("output") == ["cat"]
    try:
        with os.scandir(LOGS) as logs:
            units = wanted.get("unit") or sorted(log.name.removesuffix(".log") for log in logs)
        lines = [
            line
            for unit in units
            for line in entries(unit if "." in unit else f"{unit}.service", plain)
        ]
    except PermissionError:
        print("No journal files were opened due to insufficient permissions.", file=sys.stderr)
        return 1
    count = wanted.get("lines", ["all"])[-1]
    if count != "all":
        lines = lines[-int(count) :] if int(count) else []
    print("\n".join(lines) if lines else "-- No entries --")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
