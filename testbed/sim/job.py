"""daos-job: an application on a client node that reads and writes a container.

daos-job POOL CONTAINER [--write N] [--digest] [--hold]

--write N writes N objects (the same ones every time), --digest prints a SHA-256 over the names and
contents of all objects, --hold keeps the pool open, with a little I/O now and then, until SIGTERM.
"""

import hashlib
import signal
import sys
import threading
from typing import Any

from . import client, events, options

_HOLD_IO = 0.5  # seconds between two pieces of I/O
_SIZE = 256  # bytes of an object, times 32


def main(argv: list[str]) -> int:
    """Returns 0, or 1 where DAOS failed it (the reason is on standard error)."""
    try:
        given, words = options.parse(
            argv, {"--digest": "digest", "--hold": "hold"}, {"--write": "write"}
        )
        pool_name, container_name = words
    except (options.UsageError, ValueError):
        print(__doc__, file=sys.stderr)
        return 2
    terminated = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: terminated.set())
    try:
        _run(given, pool_name, container_name, terminated)
    except client.DaosError as error:
        events.record("daos-job", "failed", pool=pool_name, reason=str(error))
        print(f"daos-job: {error}", file=sys.stderr)
        return 1
    return 0


def _run(given: dict[str, str], name: str, container_name: str, terminated: Any) -> None:
    with client.attach().open_pool(name) as pool:
        events.record("daos-job", "connected", pool=pool.label, handle=pool.handle)
        container = pool.container(container_name)
        for number in range(int(given.get("write", "0"))):
            pool.write(container, f"object-{number:04d}", content(container_name, number))
        if "digest" in given:
            print(digest(pool, container), flush=True)
        if "hold" in given:
            print("connected", flush=True)
            while not terminated.wait(_HOLD_IO):
                pool.check()
    events.record("daos-job", "disconnected", pool=pool.label, handle=pool.handle)


def content(container: str, number: int) -> bytes:
    """The content of an object, the same in every run."""
    return hashlib.sha256(f"{container}/{number}".encode()).digest() * _SIZE


def digest(pool: client.Pool, container: str) -> str:
    """One checksum of everything in a container."""
    whole = hashlib.sha256()
    for name in pool.names(container):
        whole.update(f"{name}\0".encode() + hashlib.sha256(pool.read(container, name)).digest())
    return whole.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
