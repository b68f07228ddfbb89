"""From the beginning of a mount to its end: what dfuse of every release does and tells of it."""

import os

from ..common import events
from . import libdaos


def serve_until_unmounted(
    pool: libdaos.Pool, container: str, mountpoint: str, mount: "Mount"
) -> int:
    """Mount a container (a UUID). Returns 0 after the unmount, 1 where it cannot be mounted."""
    from .mount import serve  # with fusepy, after the errors that need none

    try:
        serve(pool, container, mountpoint, mount.begun)
    except RuntimeError:
        mount.end()
        return 1
    mount.end()
    return 0


class Mount:
    """What is said of a mount when it begins and ends."""

    def __init__(self, pool: libdaos.Pool, given: dict[str, str], report: int) -> None:
        self._pool = pool
        self._details = {
            "pool": pool.label,
            "container": given["container"],
            "mountpoint": os.path.abspath(given["mountpoint"]),  # noqa: PTH100
        }
        self._report = report
        self._mounted = False

    def begun(self) -> None:
        """Mounted: say so to the parent."""
        self._mounted = True
        events.record("dfuse", "mounted", **self._details)
        if self._report >= 0:
            os.write(self._report, b"mounted")
            os.close(self._report)
            leave_terminal()

    def end(self) -> None:
        """Unmounted, or never mounted: close the pool."""
        if self._mounted:
            events.record("dfuse", "unmounted", **self._details)
        try:
            self._pool.close()
        except libdaos.DaosError:
            return  # the engines are gone


def leave_terminal() -> None:
    """Close what an ssh session would wait for."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
