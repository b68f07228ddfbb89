"""dfuse of release 1.0: it has to be told the ranks of the pool's service, with colons between.

It becomes a daemon before it connects to anything: it returns at once and well, and whether there
will be a mount, and why not, nobody is told. Source: src/client/dfuse/dfuse_main.c of v1.0.1.
"""

import os
import sys
import traceback

from ..common import options, ranges
from . import libdaos
from .mounting import Mount, leave_terminal, serve_until_unmounted

_FLAGS = options.spelled(
    foreground="-f --foreground", help="-h --help", plain="-S --singlethread --enable-caching"
)
_VALUES = options.spelled(
    mountpoint="-m --mountpoint",
    svc="-s --svc",
    pool="--pool",
    container="--container",
    system="--sys-name",
)
_HELP = """usage: dfuse -m=PATHSTR -s=RANKS

\t-m --mountpoint=PATHSTR\tMount point to use
\t-s --svc=RANKS\t\tpool service replicas like 1,2,3
\t   --pool=UUID\t\tpool UUID
\t   --container=UUID\tcontainer UUID
\t   --sys-name=STR\tDAOS system name context for servers
\t-S --singlethreaded\tSingle threaded
\t-f --foreground\t\tRun in foreground
\t   --enable-caching\tEnable node-local caching (experimental)
"""


def run(argv: list[str]) -> int:
    """Returns 0 unless the command line is wrong, whatever becomes of the mount."""
    try:
        given, _ = options.parse(argv, _FLAGS, _VALUES)
    except options.UsageError as error:
        print(f"dfuse: {error}", file=sys.stderr)
        print(_HELP, end="")
        return 1
    if "help" in given:
        print(_HELP, end="")
        return 0
    wrong = refusal(given)
    if wrong:
        print(wrong, end="")
        return 1
    if "foreground" in given:
        return _serve(given)
    sys.stdout.flush()
    if os.fork() == 0:
        _be_a_daemon(given)
    return 0


def refusal(given: dict[str, str]) -> str:
    """What it prints of a command line that lacks something, "" where it goes on."""
    for name, title in (("mountpoint", "Mountpoint"), ("svc", "Svcl")):
        if name not in given:
            return f"{title} is required\n{_HELP}"
    if "pool" in given and not options.is_uuid(given["pool"]):
        return "Invalid pool uuid\n"
    if "pool" in given and "container" in given and not options.is_uuid(given["container"]):
        return "Invalid container uuid"
    return ""


def _be_a_daemon(given: dict[str, str]) -> None:
    """Serve in this process, as daemon(3) leaves it."""
    code = 1
    try:
        os.setsid()
        os.chdir("/")
        leave_terminal()
        code = _serve(given)
    except BaseException:  # a child must never return into its parent's code
        traceback.print_exc()
    finally:
        os._exit(code)


def _serve(given: dict[str, str]) -> int:
    ranks = ranges.listed(given["svc"], ":")
    # Without a container the real one shows all containers as folders; the lab does not.
    if not ranks or not {"pool", "container"} <= given.keys():
        print("Invalid pool service rank list, pool or container", file=sys.stderr)
        return 1
    try:
        pool = libdaos.attach().open_pool(given["pool"].lower(), ranks)
        container = pool.container(given["container"].lower())
    except libdaos.DaosError as error:
        print(f"Failed to connect to pool: {error}", file=sys.stderr)
        return 0
    return serve_until_unmounted(pool, container, given["mountpoint"], Mount(pool, given, -1))
