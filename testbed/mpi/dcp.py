"""dcp: copies a tree with all processes of a parallel job.

    mpirun -np 8 -f HOSTS dcp [OPTION]... SOURCE... TARGET

As mpiFileUtils' dcp 0.11.1 does it: folders first, then files, of which large ones are cut into
chunks that the processes share, then owners, permissions and times. A target that is a folder gets
the source into it, or, of a source with a slash at its end, what is in that. Hard links become
files of their own, FIFOs and devices are left out, and a failed file does not end the copy: it is
named on standard output, and every process exits with 1. Started without mpirun it copies alone.

Source: dcp(1), and src/dcp, src/common/mfu_flist_copy.c of mpiFileUtils 0.11.1.
"""
# pathlib has no paths of bytes:
# ruff: noqa: PTH112, PTH118, PTH119, PTH120

import getopt
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from . import copying, events
from .copying import Entry
from .pmi import Job, JobError

_SHORT = "b:k:X:R:LPpsSvqh"
_LONG = ["bufsize=", "blocksize=", "chunksize=", "xattrs=", "progress=", "no-dereference"]
_LONG += ["preserve", "sparse", "verbose", "quiet", "help", "direct", "synchronous"]
_XATTRS = ("none", "all", "non-lustre", "libattr")
_UNITS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
USAGE = """
Usage: dcp [options] source target
       dcp [options] source ... target_dir

Options:
  -k, --chunksize <SIZE>   - work size per task in bytes (default 4MB)
  -X, --xattrs <OPT>       - copy xattrs (none, all, non-lustre, libattr)
  -p, --preserve           - preserve permissions, ownership, timestamps (see also --xattrs)
  -S, --sparse             - create sparse files when possible
  -q, --quiet              - quiet output
  -h, --help               - print usage
"""


class UsageError(Exception):
    """A command line that dcp does not understand."""


@dataclass
class Options:
    """What the command line asks for.

    + chunk: how many bytes of a large file one process copies at a time
    """

    preserve: bool = False
    sparse: bool = False
    xattrs: bool = True
    quiet: bool = False
    chunk: int = 4 << 20


def parse(argv: Sequence[str]) -> tuple[Options, list[bytes]]:
    """Split a command line into options and paths. Raises UsageError."""
    try:
        given, words = getopt.gnu_getopt(list(argv), _SHORT, _LONG)
    except getopt.GetoptError as error:
        raise UsageError(f"{error}\n{USAGE}") from None
    options = Options()
    for name, value in given:
        _take(options, name, value)
    if len(words) < 2:
        raise UsageError("A source and destination path is needed")
    return options, [os.fsencode(word) for word in words]


def _take(options: Options, name: str, value: str) -> None:
    if name in ("-h", "--help", "-L"):
        raise UsageError(USAGE)
    if name in ("-X", "--xattrs"):
        if value not in _XATTRS:
            raise UsageError(f"Unrecognized option '{value}' for --xattrs")
        options.xattrs = value != "none"
    elif name in ("-k", "--chunksize"):
        options.chunk = size(value)
    flags = {"-p": "preserve", "-S": "sparse", "-q": "quiet"}
    flag = flags.get(name, name.lstrip("-"))
    if flag in flags.values():
        setattr(options, flag, True)


def size(text: str) -> int:
    """Bytes of "4MB", "64M" or "4096". Raises UsageError."""
    plain = text.upper().removesuffix("B")
    number = plain.rstrip("KMGT")
    unit = plain[len(number) :]
    if not number.isdecimal() or int(number) == 0 or unit not in _UNITS:
        raise UsageError(f"Failed to parse chunk size: '{text}'")
    return int(number) << 10 * _UNITS[unit]


def pairs(paths: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    """Each source with the path that it is copied to. Raises UsageError."""
    *sources, target = paths
    into = os.path.isdir(target)
    if len(sources) > 1 and not into:
        raise UsageError(f"Destination is not a directory `{os.fsdecode(target)}'")
    for source in sources:
        if not os.path.lexists(source):
            raise UsageError(f"Could not read `{os.fsdecode(source)}'")
    if not into and not os.path.isdir(os.path.dirname(target.rstrip(b"/")) or b"."):
        raise UsageError(f"Destination parent directory is not writable `{os.fsdecode(target)}'")
    target = target.rstrip(b"/") or b"/"
    # What stands behind the last slash of a source: its name, or nothing.
    return [
        (source, os.path.join(target, os.path.basename(source)) if into else target)
        for source in sources
    ]


class Copy:
    """The copy of some trees, as one process of the job sees it.

    Which process an entry belongs to follows from its path alone, so that they need not tell each
    other what there is; only files that are cut into chunks are made known to all.

    + files, bytes: what this process has copied
    + failures: what it could not do
    """

    def __init__(self, job: Job, options: Options) -> None:
        self.job = job
        self.options = options
        self.files = 0
        self.bytes = 0
        self.failures = 0

    def run(self, trees: Iterable[tuple[bytes, bytes]]) -> bool:
        """Copy; give whether all of it was copied, by whichever process."""
        found = [e for tree in trees for e in copying.entries(*tree, self._tell)]
        mine = [e for e in found if e.kind != "other" and self._owner(e) == self.job.rank]
        self._each("folder", mine, lambda entry: copying.make_folder(entry.target))
        self.job.barrier()
        self._each("link", mine, copying.make_link)
        large: list[tuple[Entry, int]] = []
        self._each("file", mine, lambda entry: self._make(entry, large))
        for entry, length in self._known_to_all(large):
            self._share(entry, length)
        self.job.barrier()
        # From the bottom, since a folder may be closed by its permissions. Of a file that could
        # not be filled, too: the real one leaves it with the times of its source.
        for entry in reversed(mine):
            self._try(entry, self._finish)
        failures = self.job.gather(str(self.failures).encode())
        return not any(map(int, failures))

    def _each(self, kind: str, mine: list[Entry], act: Callable[[Entry], object]) -> None:
        for entry in mine:
            if entry.kind == kind:
                self._try(entry, act)

    def _owner(self, entry: Entry) -> int:
        return zlib.crc32(entry.target) % self.job.size

    def _make(self, entry: Entry, large: list[tuple[Entry, int]]) -> None:
        """Make a file, with its content unless it is a large one, which joins those."""
        length = copying.make_file(entry, self.options.sparse)
        self.files += 1
        if length > self.options.chunk:
            large.append((entry, length))
        else:
            self._fill(entry, length, 0, length)

    def _known_to_all(self, large: list[tuple[Entry, int]]) -> Iterable[tuple[Entry, int]]:
        said = b"".join(b"%s\0%s\0%d\0" % (e.source, e.target, length) for e, length in large)
        for words in (part.split(b"\0") for part in self.job.gather(said)):
            for source, target, length in zip(*[iter(words[:-1])] * 3, strict=True):
                yield Entry(source, target, "file"), int(length)

    def _share(self, entry: Entry, length: int) -> None:
        """Copy those chunks of a large file that are this process's."""
        chunk = self.options.chunk
        for number, start in enumerate(range(0, length, chunk), start=self._owner(entry)):
            if number % self.job.size == self.job.rank:
                end = min(start + chunk, length)
                self._try(entry, partial(self._fill, length=length, start=start, end=end))

    def _fill(self, entry: Entry, length: int, start: int, end: int) -> None:
        self.bytes += copying.fill(entry, length, start, end, self.options.sparse)

    def _finish(self, entry: Entry) -> None:
        if self.options.xattrs:
            copying.copy_attributes(entry)
        copying.finish(entry, self.options.preserve)

    def _try(self, entry: Entry, act: Callable[[Entry], object]) -> None:
        try:
            act(entry)
        except OSError as error:
            self._tell(entry, error)

    def _tell(self, entry: Entry, error: OSError) -> None:
        self.failures += 1
        names = f"`{os.fsdecode(entry.source)}' to `{os.fsdecode(entry.target)}'"
        say(
            f"[{self.job.rank}] ERROR: Error when copying from {names} "
            f"(errno={error.errno} {error.strerror})"
        )


def say(text: str) -> None:
    """Print a line with the time, names that are no UTF-8 as they are."""
    line = f"[{time.strftime('%Y-%m-%dT%H:%M:%S')}] {text}\n"
    sys.stdout.buffer.write(os.fsencode(line))
    sys.stdout.buffer.flush()


def main(argv: Sequence[str]) -> int:
    """Copy as the command line says; give the exit code."""
    try:
        job = Job()
    except JobError as error:
        say(f"ERROR: {error}")
        return 1
    code = run(job, argv)
    with suppress(JobError):
        job.end()
    return code


def run(job: Job, argv: Sequence[str]) -> int:
    """Copy as one process of a job; 0 if all was copied, by whichever process, else 1."""
    begin = time.monotonic()
    try:
        asked, refusal = _asked(argv)
        # One cannot go on without the others; and before any of them makes the target, all have
        # to have seen whether it is there.
        if any(job.gather(refusal.encode(errors="surrogateescape"))) or not asked:
            if refusal:
                say(f"[{job.rank}] ERROR: {refusal}")
            return 1
        options, trees = asked
        copy = Copy(job, options)
        whole = copy.run(trees)
        _say_summary(job, copy, time.monotonic() - begin)
    except JobError as error:
        say(f"[{job.rank}] ERROR: {error}")
        return 1
    details = {"rank": job.rank, "size": job.size, "files": copy.files, "bytes": copy.bytes}
    events.record("dcp", "copied", **details)
    return 0 if whole else 1


def _asked(argv: Sequence[str]) -> tuple[tuple[Options, list[tuple[bytes, bytes]]] | None, str]:
    """What is to be copied, or why it cannot be."""
    try:
        options, paths = parse(argv)
        return (options, pairs(paths)), ""
    except UsageError as error:
        return None, str(error)


def _say_summary(job: Job, copy: Copy, seconds: float) -> None:
    sums = job.gather(f"{copy.files} {copy.bytes}".encode())
    if job.rank == 0 and not copy.options.quiet:
        files, size = (sum(int(part.split()[at]) for part in sums) for at in (0, 1))
        say(f"Seconds: {seconds:.3f}")
        say(f"  Files: {files}")
        say(f"Data: {size} bytes")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
