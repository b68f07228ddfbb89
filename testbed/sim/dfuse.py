"""dfuse: mounts a POSIX container; the mount holds a pool connection until it is unmounted.

dfuse --mountpoint DIR --pool POOL --container CONT [--foreground]. Files can be read; nothing can
be written. An evicted mount answers with I/O errors and stays mounted, as the real one does.
"""

import errno
import importlib
import os
import stat
import sys
import traceback
from typing import Any

from . import client, events, options

_FLAGS = {"-f": "foreground", "--foreground": "foreground", "--disable-caching": "plain"}
_FLAGS |= {"-S": "plain", "--singlethread": "plain", "--disable-direct-io": "plain"}
_VALUES = {
    "-m": "mountpoint",
    "--mountpoint": "mountpoint",
    "--pool": "pool",
    "-p": "pool",
    "--container": "container",
    "--cont": "container",
    "-c": "container",
    "--svc": "svc",
}


def main(argv: list[str]) -> int:
    """Returns 0 once mounted (in the background), or after the unmount with --foreground."""
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
    fuse: Any = importlib.import_module("fusepy")  # as Debian names it; only nodes have it
    try:
        pool = client.attach().open_pool(given["pool"])
        container = pool.container(given["container"])
    except client.DaosError as error:
        if report < 0:
            print(f"dfuse: {error}", file=sys.stderr)
        else:
            os.write(report, str(error).encode())
        return 1
    details = {
        "pool": pool.label,
        "container": given["container"],
        "mountpoint": os.path.abspath(given["mountpoint"]),  # noqa: PTH100
    }
    mount = Mount(pool, container, details, report)
    try:
        fuse.FUSE(
            _operations(fuse, mount),
            given["mountpoint"],
            foreground=True,
            nothreads=True,
            ro=True,
            fsname="dfuse",
            subtype="daos",
        )
    except RuntimeError:
        mount.end()
        return 1
    mount.end()
    return 0


def _operations(fuse: Any, mount: "Mount") -> Any:
    """What fusepy calls: methods by their names; a DAOS error is an I/O error."""

    class Operations(fuse.Operations):
        def __call__(self, op: str, *arguments: Any) -> Any:
            if not hasattr(mount, op):
                return super().__call__(op, *arguments)  # which refuses what writes
            try:
                return getattr(mount, op)(*arguments)
            except FileNotFoundError:
                raise fuse.FuseOSError(errno.ENOENT) from None
            except client.DaosError:
                raise fuse.FuseOSError(errno.EIO) from None

    return Operations()


class Mount:
    """A mounted container: a folder of read-only files. Methods have FUSE's names and results."""

    def __init__(
        self, pool: client.Pool, container: str, details: dict[str, str], report: int
    ) -> None:
        self._pool = pool
        self._container = container
        self._details = details
        self._report = report
        self._mounted = False
        self._sizes: dict[str, int] = {}

    def init(self, _path: str) -> None:
        """Mounted: say so to the parent."""
        self._mounted = True
        events.record("dfuse", "mounted", **self._details)
        if self._report >= 0:
            os.write(self._report, b"mounted")
            os.close(self._report)
            _leave_terminal()

    def end(self) -> None:
        """Unmounted, or never mounted: close the pool."""
        if self._mounted:
            events.record("dfuse", "unmounted", **self._details)
        try:
            self._pool.close()
        except client.DaosError:
            return  # the engines are gone

    def getattr(self, path: str, _handle: Any = None) -> dict[str, Any]:
        """The attributes of the folder or of a file; raises FileNotFoundError."""
        owner = {"st_uid": os.getuid(), "st_gid": os.getgid()}
        if path == "/":
            self._pool.check()
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2, **owner}
        size = self._size(path)
        return {"st_mode": stat.S_IFREG | 0o444, "st_nlink": 1, "st_size": size, **owner}

    def _size(self, path: str) -> int:
        name = path.lstrip("/")
        if name not in self._sizes:
            if name not in self._pool.names(self._container):
                raise FileNotFoundError(path)
            self._sizes[name] = len(self._pool.read(self._container, name))
        return self._sizes[name]

    def readdir(self, _path: str, _handle: Any) -> list[str]:
        """The names of all objects."""
        return [".", "..", *self._pool.names(self._container)]

    def open(self, path: str, _flags: int) -> int:
        """Files need no handle of their own."""
        self._size(path)
        return 0

    def read(self, path: str, size: int, offset: int, _handle: Any) -> bytes:
        """A part of an object."""
        return self._pool.read(self._container, path.lstrip("/"))[offset : offset + size]

    def statfs(self, _path: str) -> dict[str, int]:
        """Sizes are not simulated."""
        return {"f_bsize": 4096, "f_frsize": 4096, "f_namemax": 255}


def _leave_terminal() -> None:
    """Close what an ssh session would wait for."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
