"""What a look at a node waits for that does not end: a program of it that hangs. No I/O."""

from collections.abc import Iterable

# All processes of a node; the script of the look stands whole in the arguments of its shells.
ASK = "ps -ww -eo pid=,ppid=,args="
_OF_THE_SCRIPT = 'echo "== rpmnew"'
_LIMIT = "timeout 300 "  # what rpm is started by, see node.sh


def programs(lines: Iterable[str]) -> list[str]:
    """What the shells of a look wait for, in words, out of what ASK lists."""
    rows = [row for line in lines if len(row := line.split(None, 2)) == 3]
    shells = {pid for pid, _, args in rows if _OF_THE_SCRIPT in args}
    return [
        f"`{' '.join(args.removeprefix(_LIMIT).split()[:2])}` (pid {pid}) hangs there"
        for pid, parent, args in rows
        if parent in shells and pid not in shells
    ]
