"""dfuse: mounts a POSIX container; the mount holds a pool connection until it is unmounted.

dfuse --mountpoint DIR --pool POOL --container CONT [--foreground]. An evicted mount answers with
I/O errors and stays mounted, as the real one does. Objects that lie beside the file tree are shown
as files at the top that cannot be changed. That of 1.0 is another program: dfuse_1_0.
"""

import os
import sys
import traceback

from ..common import options, release
from . import libdaos
from .mounting import Mount, serve_until_unmounted

_FLAGS = options.spelled(
    foreground="-f --foreground",
    plain="-S --singlethread --disable-caching --disable-direct-io --enable-caching",
)
_VALUES = options.spelled(
    mountpoint="-m --mountpoint",
    pool="-p --pool",
    container="-c --container --cont",
    svc="--svc",
    system="--sys-name",
    threads="-t --thread-count",
)


def main(argv: list[str]) -> int:
    """Returns 0 once mounted (in the background), or after the unmount with --foreground."""
    if release.is_1_0(release.installed()):
        from .dfuse_1_0 import run
    else:
        run = _run
    return run(argv)


def _run(argv: list[str]) -> int:
    try:
        given, words = options.parse(argv, _FLAGS, _VALUES)
    except options.UsageError as error:
        print(f"dfuse: {error}", file=sys.stderr)
        return 1
    for name in ("mountpoint", "pool", "container"):  # 2.0 also takes them without options
        if name not in given and words:
            given[name] = words.pop(0)
        if name not in given:
            print(f"dfuse: missing --{name}", file=sys.stderr)
            return 1
    if "foreground" in given:
        return _serve(given, -1)
    return _daemonise(given)


def _daemonise(given: dict[str, str]) -> int:
    """Serve in a child; return when it has mounted, or say why it has not."""
    ours, theirs = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.close(ours)
        code = 1
        try:
            code = _serve(given, theirs)
        except BaseException:  # a child must never return into its parent's code
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(theirs)
    answer = b"".join(iter(lambda: os.read(ours, 4096), b"")).decode()
    if answer == "mounted":
        return 0
    print(f"dfuse: {answer or 'mount failed'}", file=sys.stderr)
    return 1


def _serve(given: dict[str, str], report: int) -> int:
    try:
        pool = libdaos.attach().open_pool(given["pool"])
        container = pool.container(given["container"])
    except libdaos.DaosError as error:
        if report < 0:
            print(f"dfuse: {error}", file=sys.stderr)
        else:
            os.write(report, str(error).encode())
        return 1
    return serve_until_unmounted(pool, container, given["mountpoint"], Mount(pool, given, report))
