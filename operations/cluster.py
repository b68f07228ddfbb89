"""The whole cluster: every node read once, in parallel, and the answer shared by all hosts."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from gevent import Timeout
from gevent.event import AsyncResult
from gevent.pool import Pool
from paramiko import SSHException
from pyinfra.api import FactBase, Host, State, StringCommand
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS, pop_global_arguments
from pyinfra.api.facts import get_fact
from pyinfra.context import ctx_host, ctx_state

from .nodes import DaosNode, Node
from .record import Record

T = TypeVar("T")

ROLES = ("servers", "admins", "clients")

# How old a shared reading may be, in seconds: within one step all hosts ask at about the same time,
# but where pyinfra takes them in small batches (--parallel) a later batch looks again.
_FRESH = 5.0

# How long a node may take to say what it has, in seconds; one that died silently never answers.
_PATIENCE = 60

# pyinfra's own time-out begins when the command has begun; to open a channel to a node that died
# silently takes paramiko up to an hour. Seconds for that.
_GRACE = 10

_AT_ONCE = 256  # nodes that are read at the same time


@dataclass(frozen=True)
class View:
    """What every node of the system has of DAOS at one moment.

    + groups: role to the names of its nodes, in the order of the inventory
    + nodes: node name to what it has; None for one that gave no answer
    """

    groups: dict[str, tuple[str, ...]]
    nodes: dict[str, Node | None] = field(default_factory=dict)

    def roles(self, name: str) -> list[str]:
        """The roles of one node."""
        return self._roles.get(name, [])

    @cached_property
    def _roles(self) -> dict[str, list[str]]:
        """Node name to its roles: every host asks in every step, and there may be thousands."""
        roles: dict[str, list[str]] = {}
        for role in ROLES:
            for name in self.groups[role]:
                roles.setdefault(name, []).append(role)
        return roles

    def node(self, name: str) -> Node:
        """One node that gave an answer. Raises KeyError for one that gave none."""
        node = self.nodes[name]
        if node is None:
            raise KeyError(f"{name} gave no answer")
        return node

    def of(self, *roles: str) -> dict[str, Node]:
        """The nodes of these roles that gave an answer, each once."""
        names = dict.fromkeys(name for role in roles for name in self.groups[role])
        return {name: node for name in names if (node := self.nodes.get(name)) is not None}

    @property
    def serving(self) -> bool:
        """Whether an engine runs on any server."""
        return any(node.engines for node in self.of("servers").values())

    @property
    def stopped(self) -> bool:
        """Whether no engine runs on any server, as all of them say; what is silent may serve."""
        servers = self.groups["servers"]
        known = bool(servers) and all(self.nodes.get(name) for name in servers)
        return known and not self.serving

    @property
    def records(self) -> list[Record]:
        """What an update that is under way remembers on the servers; empty where none is.

        A client that was away may still have the record of an update that is long over.
        """
        return [node.record for node in self.of("servers").values() if node.record]

    @property
    def silent(self) -> list[str]:
        """The nodes that gave no answer."""
        return [name for name, node in self.nodes.items() if node is None]


def groups(state: State, left_out: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
    """Role to the names of its nodes, from the inventory; empty where a role has none.

    + left_out: nodes that this run goes without
    """
    return {
        role: tuple(
            host.name
            for host in state.inventory.get_group(role, default=[])
            if host.name not in left_out
        )
        for role in ROLES
    }


def read(state: State, left_out: Collection[str] = ()) -> View:
    """Look at every node that has a role, in parallel; not at those that are left out."""
    by_role = groups(state, left_out)
    names = dict.fromkeys(name for role in ROLES for name in by_role[role])
    hosts = [state.inventory.get_host(name) for name in names]
    nodes = at_once(hosts, lambda host: ask(state, host, DaosNode))
    return View(by_role, {host.name: node for host, node in zip(hosts, nodes, strict=True)})


def at_once(hosts: Sequence[Host], do: Callable[[Host], T]) -> list[T]:
    """What `do` gives for each host, done for all of them in parallel."""
    # A pool of its own: the hosts that wait for what comes of this fill pyinfra's pool.
    return list(Pool(max(1, min(len(hosts), _AT_ONCE))).map(do, hosts))


def ask(state: State, host: Host, fact: type[FactBase[T]]) -> T | None:
    """Read a fact of any host, from any host's code; None where the host cannot be asked."""
    if not host.connected or host in state.failed_hosts:
        return None
    with ctx_state.use(state), ctx_host.use(host):
        try:
            with Timeout(_PATIENCE + _GRACE, TimeoutError):
                return get_fact(
                    state, host, fact, kwargs={"_timeout": _PATIENCE}, apply_failed_hosts=False
                )
        except (TimeoutError, EOFError):
            return None


def command(state: State, host: Host, line: str, timeout: int) -> tuple[bool, str, str]:
    """Run a shell command on a host, with the settings of config.py.

    + timeout: seconds until it is given up
    Returns whether it exited 0, its standard output, and its standard error.
    """
    arguments, _ = pop_global_arguments(state, host, {"_timeout": timeout})
    chosen: Any = {key: arguments.get(key) for key in CONNECTOR_ARGUMENT_KEYS if key in arguments}
    try:
        with Timeout(timeout + _GRACE, TimeoutError):
            done, output = host.run_shell_command(StringCommand(line), **chosen)
    except (TimeoutError, OSError, EOFError, SSHException) as problem:
        return False, "", f"no answer within {timeout} seconds ({problem or 'timed out'})"
    return done, output.stdout, output.stderr


class Shared:
    """Readings that the first host to ask makes and that the others wait for."""

    def __init__(self) -> None:
        self._readings: dict[Hashable, AsyncResult] = {}
        self._made: dict[Hashable, float] = {}

    def get(self, key: Hashable, read: Callable[[], T], fresh: float = _FRESH) -> T:
        """The reading of this name, made now unless there is one not older than `fresh` seconds."""
        made = self._made.get(key, float("inf"))  # one that is under way is as fresh as can be
        if key in self._readings and time.monotonic() - made <= fresh:
            return self._readings[key].get()
        result = self._readings[key] = AsyncResult()
        self._made.pop(key, None)
        try:
            result.set(read())
        except Exception as problem:
            result.set_exception(problem)
        self._made[key] = time.monotonic()
        return result.get()

    def forget(self) -> None:
        """Make the next host that asks look again."""
        for key in list(self._made):
            self._readings.pop(key, None)
            self._made.pop(key)
