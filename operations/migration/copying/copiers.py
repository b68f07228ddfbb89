"""The clients that copy, and how commands are run on them."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from pyinfra.api import Host

from ...daos.node import Node
from ...machinery.hosts import at_once
from ..run import MigrationRun

T = TypeVar("T")


class CopyError(Exception):
    """What a client was to do failed; the message names the node, what it said, and what to do."""


def names(current: MigrationRun) -> list[str]:
    """The clients that copy: those that the site names, else every client that was reached."""
    clients = current.start.groups["clients"]
    chosen = current.site.copy_clients or clients
    return [name for name in chosen if name in clients]


def unknown(current: MigrationRun) -> list[str]:
    """The names in copy_clients that are no clients of the inventory, or were not reached."""
    return sorted(set(current.site.copy_clients) - set(current.start.groups["clients"]))


def hosts(current: MigrationRun) -> list[Host]:
    """The clients that copy; the first of them does what one client alone does."""
    return [current.host(name) for name in names(current)]


def first(current: MigrationRun) -> Host:
    """The client that does what one client alone does."""
    return hosts(current)[0]


def of_way(current: MigrationRun, way: str) -> list[Host]:
    """The clients that take part in a copy, "parallel" or "serial"."""
    return hosts(current) if way == "parallel" else [first(current)]


def in_parallel(current: MigrationRun) -> bool:
    """Whether any container is large enough to be copied in parallel."""
    return any(current.site.way(c.bytes) == "parallel" for c in current.migration.to_carry)


def each(current: MigrationRun, do: Callable[[Host], T]) -> Iterable[tuple[Host, T]]:
    """Every client that copies, with what `do` gives for it; done for all of them in parallel."""
    return at_once(hosts(current), do).items()


def is_first(current: MigrationRun, name: str, node: Node) -> bool:
    """Whether a node is that client: the `need` of steps that one client does for all."""
    return name in names(current)[:1]


def copies(current: MigrationRun, name: str, node: Node) -> bool:
    """Whether a node is one of the clients that copy."""
    return name in names(current)
