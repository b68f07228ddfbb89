"""`python -m testbed.exploration`: play cases that go wrong, or one of them again.

It exits with 0 where all ended well, with 1 where a case failed, with 2 where it cannot be run.
"""

import argparse
import os
import random
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from testbed.simulation import process

from . import drawn, every
from .cases import ROLES, Case, Host, simple
from .every import Counts
from .explore import Explored, explore
from .likeness import Known
from .play import Site, play

_PROJECT = Path(__file__).parents[2]
_SELDOM = 15.0  # seconds between two words on how far it is


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m testbed.exploration", description=__doc__)
    parser.add_argument("--cases", type=_many, default=1000, help="how many cases (1000)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="how long at most")
    parser.add_argument("--seed", type=int, help="the same one plays the same cases")
    parser.add_argument("--jobs", type=_many, default=os.cpu_count() or 1, help="at a time")
    parser.add_argument(
        "--nodes",
        type=_nodes,
        default=(),
        help='"2,1,1": servers, admin nodes and clients of every case',
    )
    parser.add_argument(
        "--series", choices=drawn.PATHS, default="2.0", help="which fix levels (2.0)"
    )
    parser.add_argument("--project", type=Path, default=_PROJECT, help="whose procedures are typed")
    parser.add_argument("--replay", help="the text of a case, or a file that has it: play it alone")
    parser.add_argument(
        "--typing", type=shlex.split, default=[], help='"--serial": typed after each procedure'
    )
    parser.add_argument(
        "--wanted",
        type=re.compile,
        default="",
        help='"^R5 ": only a case fails one of whose problems this expression is found in',
    )
    parser.add_argument(
        "--first", action="store_true", help="do not make the first case small that fails"
    )
    parser.add_argument("--every", action="store_true", help="every fault at every command")
    parser.add_argument("--sample", type=_many, default=1, help="with --every: one of so many")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell the story of it")
    parser.add_argument(
        "--whole", action="store_true", help="with --every: each to its end, known or not"
    )
    parser.add_argument("--share", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--shares", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--known", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    given.project = given.project.absolute()
    if given.replay is not None:
        process.load(given.project)
        return _replay(given)
    if given.seed is None:
        given.seed = random.randrange(1_000_000)
    if given.share is not None:
        return _play(given)
    with tempfile.TemporaryDirectory(prefix="daos-known-") as folder:
        given.known = Path(folder)
        if given.jobs == 1:
            return _play(given)
        return _in_parallel(given, list(argv if argv is not None else sys.argv[1:]))


def _play(given: argparse.Namespace) -> int:
    """All cases, or a share of them, in this process."""
    process.load(given.project)
    return _every(given) if given.every else _explore(given)


def _many(text: str) -> int:
    """A number from 1 on. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _nodes(text: str) -> tuple[Host, ...]:
    """Servers, admin nodes and clients: "2,1,1". Raises ArgumentTypeError."""
    counts = [_many(count) for count in text.split(",")]
    if len(counts) != len(ROLES):
        raise argparse.ArgumentTypeError(f"{text!r} is not one number each for {', '.join(ROLES)}")
    return simple(*counts)


def _replay(given: argparse.Namespace) -> int:
    """Play one case, or all that lie in a folder."""
    path = Path(given.replay)
    if given.replay.lstrip().startswith("{"):
        texts = {"": given.replay}
    else:
        files = sorted(path.glob("*.json")) if path.is_dir() else [path]
        try:
            texts = {f"{file}: ": file.read_text("utf-8") for file in files}
        except OSError as problem:
            print(f"this is neither a case nor a file of one: {problem}", file=sys.stderr)
            return 2
    site, say = Site(given.project), print if given.verbose else lambda line: None
    failed = False
    for name, text in texts.items():
        try:
            played = play(Case.parse(text), site, say)
        except ValueError as problem:
            print(f"{name}{problem}", file=sys.stderr)
            return 2
        for wrong in played.problems:
            print(f"{name}{wrong}")
        end = "it fails" if played.problems else "all is well"
        print(f"{name}{len(played.runs)} runs; {end}", flush=True)
        failed = failed or bool(played.problems)
    return int(failed)


def _in_parallel(given: argparse.Namespace, argv: list[str]) -> int:
    """A share of the cases for each processor, in a process of its own."""
    what = "every single fault" if given.every else f"{given.cases} cases of seed {given.seed}"
    print(f"{what}, {given.jobs} at a time", flush=True)
    words = [sys.executable, "-m", "testbed.exploration", *argv, "--seed", str(given.seed)]
    words += ["--known", str(given.known), "--shares", str(given.jobs), "--share"]
    shares = [subprocess.Popen([*words, str(share)]) for share in range(given.jobs)]
    try:
        codes = [share.wait() for share in shares]
    except KeyboardInterrupt:
        codes = [share.wait() for share in shares]
    return max(codes)


def _every(given: argparse.Namespace) -> int:
    """Every fault, or one of so many; here a share of them."""
    site, share = Site(given.project), given.share or 0
    known = None if given.whole else Known(given.known)
    counts, say = Counts(), _NowAndThen(given.share)
    for it in every.every(site, given.nodes):
        if share == 0:
            words = " then ".join(it.case.typed)
            print(f"{words}: {it.all} faults, {len(it.different)} of which can differ", flush=True)
        faults = it.different[given.seed % given.sample :: given.sample][share :: given.shares]
        for playing in every.played(it, faults, site, known, counts):
            say(str(counts))
            for problem in playing.played.problems[:1]:
                case = playing.case
                print(f"  {problem}: {case.faults[-1]}\n  make explore REPLAY='{case.text()}'")
                sys.stdout.flush()
    print(counts, flush=True)
    return int(bool(counts.failed))


def _explore(given: argparse.Namespace) -> int:
    share, shares = given.share or 0, given.shares
    most = given.cases // shares + (share < given.cases % shares)
    site = Site(given.project)
    number = given.seed * 1000 + share
    try:
        say = _NowAndThen(given.share)
        found = explore(
            drawn.cases(
                fixed=given.nodes, words=tuple(given.typing), path=drawn.PATHS[given.series]
            ),
            site,
            number,
            most,
            given.minutes,
            lambda it: say(it.counts),
            given.wanted,
            small=not given.first,
        )
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    print(_told(found))
    return int(found.failed is not None)


class _NowAndThen:
    """Says how far it is, for people who wait: seldom, and apart from the result.

    + share: which of the processes this is; None for the only one
    """

    def __init__(self, share: int | None) -> None:
        self._who = "" if share is None else f"[{share + 1}] "
        self._next = time.monotonic() + _SELDOM

    def __call__(self, words: str) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _SELDOM
            print(f"  {self._who}{words}", file=sys.stderr, flush=True)


def _told(found: Explored) -> str:
    if found.failed is None:
        return f"{found.counts}: all ended well"
    problems = "\n".join(f"    {problem}" for problem in found.problems)
    faults = "\n".join(f"    {fault}" for fault in found.failed.faults)
    text = found.failed.text()
    typed = " then ".join(found.failed.typed)
    return (
        f"{found.counts}; after {found.after} cases one failed:\n{problems}\n"
        f"  on {len(found.failed.hosts)} nodes, {typed}, with\n{faults}\n"
        f"  make explore REPLAY='{text}'"
    )


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # what stands in a set has the same order again
        words = [sys.executable, "-m", "testbed.exploration", *sys.argv[1:]]
        os.execve(sys.executable, words, {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main())
