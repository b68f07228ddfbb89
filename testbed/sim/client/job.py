"""daos-job: an application on a client node that reads and writes a container.

daos-job POOL CONTAINER [--write N] [--tree N [--seed S]] [--digest] [--hold]

--write N writes N objects (the same ones every time), --tree N a file tree of N files (the same one
for the same seed), --digest prints a SHA-256 over all objects and files, --hold keeps the pool
open, with a little I/O now and then, until SIGTERM.

An object lies beside the file tree and has two copies, so that it can be read with a rank missing.
In POSIX containers of 1.x, which are there to be copied out of, it is a file of the tree.
"""

import hashlib
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from ..common import events, options, release
from ..engine import treedigest
from . import libdaos, seedtree

_HOLD_IO = 0.5  # seconds between two pieces of I/O
_SIZE = 256  # bytes of an object, times 32
_FLAGS = {"--digest": "digest", "--hold": "hold"}
_VALUES = {"--write": "write", "--tree": "tree", "--seed": "seed"}
_BATCH = 1 << 20  # bytes of a request
_CALL = 100  # bytes that a call takes besides its contents


def main(argv: list[str]) -> int:
    """Returns 0, or 1 where DAOS failed it (the reason is on standard error)."""
    try:
        given, words = options.parse(argv, _FLAGS, _VALUES)
        pool_name, container_name = words
    except (options.UsageError, ValueError):
        print(__doc__, file=sys.stderr)
        return 2
    terminated = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: terminated.set())
    try:
        _run(given, pool_name, container_name, terminated)
    except libdaos.DaosError as error:
        events.record("daos-job", "failed", pool=pool_name, reason=str(error))
        print(f"daos-job: {error}", file=sys.stderr)
        return 1
    return 0


def _run(given: dict[str, str], name: str, container_name: str, terminated: Any) -> None:
    with libdaos.attach().open_pool(name) as pool:
        events.record("daos-job", "connected", pool=pool.label, handle=pool.handle)
        container = pool.container(container_name)
        _write(pool, container, container_name, int(given.get("write", "0")))
        if "tree" in given:
            calls = seedtree.calls(int(given["tree"]), int(given.get("seed", "0")))
            for batch in batches(calls):
                pool.tree(container).batch(batch)
        if "digest" in given:
            print(digest(pool, container), flush=True)
        if "hold" in given:
            print("connected", flush=True)
            while not terminated.wait(_HOLD_IO):
                pool.check()
    events.record("daos-job", "disconnected", pool=pool.label, handle=pool.handle)


def _write(pool: libdaos.Pool, container: str, container_name: str, count: int) -> None:
    objects = {f"object-{n:04d}": content(container_name, n) for n in range(count)}
    kind = next(c["type"] for c in pool.containers() if c["uuid"] == container)
    if kind == "POSIX" and release.layout(release.installed()) == 1:
        tree = pool.tree(container)
        there = {name for name, _, _ in tree.call("readdir", b"/")}
        for name in objects.keys() - {name.decode("latin-1") for name in there}:
            tree.call("create", b"/" + name.encode(), 0o644, os.getuid(), os.getgid())
        for name, data in objects.items():
            tree.call("write", b"/" + name.encode(), data, 0)
        return
    for name, data in objects.items():
        pool.write(container, name, data)


def content(container: str, number: int) -> bytes:
    """The content of an object, the same in every run."""
    return hashlib.sha256(f"{container}/{number}".encode()).digest() * _SIZE


def batches(calls: Iterable[seedtree.Call]) -> Iterator[list[seedtree.Call]]:
    """Calls in groups of about _BATCH bytes."""
    batch: list[seedtree.Call] = []
    size = 0
    for call in calls:
        batch.append(call)
        size += _CALL + sum(len(word) for word in call if isinstance(word, bytes))
        if size > _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def digest(pool: libdaos.Pool, container: str) -> str:
    """One checksum of everything in a container: treedigest's, of what dfuse shows."""
    records = dict(pool.tree(container).call("records"))
    records |= treedigest.records(objects(pool, container))
    return treedigest.whole(records)


def objects(pool: libdaos.Pool, container: str) -> Iterator[treedigest.Entry]:
    """The objects that lie beside the tree, as the files that dfuse shows."""
    for number, name in enumerate(pool.names(container)):
        content = pool.read(container, name)
        yield treedigest.Entry(
            path=name.encode(),
            inode=(1, number),
            mode=libdaos.OBJECT_MODE,
            size=len(content),
            chunks=partial(iter, [content]),
        )
