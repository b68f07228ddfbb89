"""The referee's command line: `python -m testbed.referee [EVENTS]`."""

import argparse
import sys
from pathlib import Path

from testbed.referee import Unreadable, judge, lines, read

DEFAULT = Path("runs/latest/events.jsonl")


def run(path: Path) -> int:
    """Judge a file of events and print the verdict.

    Gives 0 if no rule is broken, 1 if one is, 2 if the file cannot be judged.
    """
    try:
        verdicts = judge(read(path))
    except Unreadable as error:
        print(f"referee: {error}", file=sys.stderr)
        return 2
    print(*lines(verdicts, sys.stdout.isatty()), sep="\n")
    return 1 if any(verdict.state == "broken" for verdict in verdicts) else 0


def main(argv: list[str] | None = None) -> int:
    """Read the command line; give the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m testbed.referee",
        description="Judge what the nodes of a lab logged by the rules R1 to R12, M1 and M2.",
    )
    parser.add_argument(
        "events",
        nargs="?",
        type=Path,
        default=DEFAULT,
        help=f"one event a line, as a rehearsal leaves them (default: {DEFAULT})",
    )
    return run(parser.parse_args(argv).events)


if __name__ == "__main__":
    sys.exit(main())
