"""The unified namespace: a folder with the attribute `user.daos` is the way into a container.

dfuse goes there by itself when it looks such a folder up, within the one mount and with the rights
of whoever has started it; in place of the folder's attributes there are those of the container's
root then. Source: check_for_uns_ep in src/client/dfuse/ops/lookup.c of v1.0.1, v1.2.0 and v2.0.3.
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import libdaos

ATTRIBUTE = b"user.daos"
_WAY = re.compile(rb"DAOS\.POSIX://([0-9a-fA-F-]{36})/([0-9a-fA-F-]{36})\0?")
_NUMBER = 48  # the bit from which on an inode's number says in which container it is


@dataclass(frozen=True)
class Space:
    """A container that can be reached by this mount; number 0 is the one that was mounted."""

    number: int
    pool: str
    container: str
    tree: libdaos.Files

    def inode(self, number: int) -> int:
        """The number of an inode of this container, which no other container's has."""
        return number | self.number << _NUMBER


class Spaces:
    """The containers behind one mount, by the paths of the folders that lead into them."""

    def __init__(self, pool: libdaos.Pool, container: str) -> None:
        self._pools = {pool.uuid: pool}
        self.all = [Space(0, pool.uuid, container, pool.tree(container))]
        self._ways: dict[bytes, Space] = {}

    def find(self, path: bytes, itself: bool = False) -> tuple[Space, bytes]:
        """The container that a path leads into, and the path in it.

        + itself: where the folder itself is meant, and not what it leads to
        """
        for way in sorted(self._ways, key=len, reverse=True):
            if path.startswith(way + b"/") or (path == way and not itself):
                return self._ways[way], path[len(way) :] or b"/"
        return self.all[0], path

    def of_handle(self, handle: int) -> tuple[Space, int]:
        """The container of an open file, and its inode there."""
        return self.all[handle >> _NUMBER], handle & (1 << _NUMBER) - 1

    def getattr(self, path: bytes) -> dict[str, int]:
        """The attributes of what a path leads to; a folder that leads elsewhere does from now on.

        Raises OSError and DaosError.
        """
        self._ways.pop(path, None)
        space, inner = self.find(path)
        found = space.tree.call("getattr", inner)
        leads = found.pop("leads", None)
        if leads:
            space = self._ways[path] = self._space(leads)
            found = space.tree.call("getattr", b"/")
        return {**found, "st_ino": space.inode(found["st_ino"])}

    def _space(self, value: bytes) -> Space:
        pool, container = where(value)
        for known in self.all:
            if (known.pool, known.container) == (pool, container):
                return known
        if pool not in self._pools:
            self._pools[pool] = libdaos.attach().open_pool(pool)
        found = self._pools[pool].container(container)
        self.all.append(Space(len(self.all), pool, found, self._pools[pool].tree(found)))
        return self.all[-1]


def where(value: bytes) -> tuple[str, str]:
    """The UUIDs of pool and container in an attribute. Raises ValueError for what is none."""
    found = _WAY.fullmatch(value)
    if not found:
        raise ValueError(f"{value!r} leads nowhere")
    pool, container = (str(uuid.UUID(part.decode())) for part in found.groups())
    return pool, container


IL = 0x8038A3C1
"""The ioctl by which dfuse of 1.0 and 1.2 tells where an open file is (dfuse_ioctl.h)."""


def told(space: Space, write: Callable[[bytes], Any]) -> None:
    """Answer that ioctl: version and object, then the UUIDs of pool and container."""
    ids = uuid.UUID(space.pool).bytes + uuid.UUID(space.container).bytes
    write((6).to_bytes(8, "little") + bytes(16) + ids)
