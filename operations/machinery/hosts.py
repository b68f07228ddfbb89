"""Everything that talks to a node: commands, the node's look, and many nodes at once."""

import shlex
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from gevent import Timeout
from gevent.pool import Pool
from paramiko import SSHException
from pyinfra.api import Config, Host, State, StringCommand
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS, pop_global_arguments
from pyinfra.api.exceptions import ConnectError, PyinfraError
from pyinfra.context import ctx_config, ctx_host, ctx_state

from ..daos import hanging
from ..daos.node import Listener, Node, script
from ..daos.units import Units
from ..rules import memory, silence
from ..rules.view import ROLES, View, names_of
from .framing import and_then, apart, framed, within
from .looks import Seen

T = TypeVar("T")

# How long a node may take to say what it has, in seconds; one that died silently never answers.
# Who has taken longer once is not waited for like that again and again.
_PATIENCE = 60
_LESS_PATIENCE = 5
_silent: WeakSet[Host] = WeakSet()
# What each node has said. Its processes that let nobody look at them are not waited for again.
_listeners: WeakKeyDictionary[Host, Listener] = WeakKeyDictionary()

# What a connection takes of the settings of each host, and of which configuration: to ask pyinfra
# takes longer than all else that is done for a command.
_taken: WeakKeyDictionary[Host, tuple[Config, dict[str, Any]]] = WeakKeyDictionary()

# pyinfra's own time-out begins when the command has begun; to open a channel to a node that died
# silently takes paramiko up to an hour. Seconds for that.
_GRACE = 10

_AT_ONCE = 256  # nodes that are read at the same time


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


def read(state: State, look: Callable[[Host], Seen], left_out: Collection[str] = ()) -> View:
    """What every node has that has a role, asked in parallel; but not those that are left out.

    + look: says it of one, as of `look` below
    """
    by_role = groups(state, left_out)
    hosts = [state.inventory.get_host(name) for name in names_of(by_role)]
    looked = at_once(hosts, look)
    view = View(
        by_role,
        {host.name: node for host, (node, _) in looked.items()},
        {host.name: why for host, (node, why) in looked.items() if node is None},
    )
    return memory.mended(view)


def at_once(hosts: Sequence[Host], do: Callable[[Host], T]) -> dict[Host, T]:
    """Each host with what `do` gives for it, done for all of them in parallel."""
    # A pool of its own: the hosts that wait for what comes of this fill pyinfra's pool.
    given = Pool(max(1, min(len(hosts), _AT_ONCE))).map(do, hosts)
    return dict(zip(hosts, given, strict=True))


def look(state: State, units: Units, host: Host) -> Seen:
    """What a node has of DAOS, asked from any host's code.

    + units: what the site calls the daemons' units, here and below
    Returns the node, or None where it gave no answer that can be trusted; no answer is not a good
    answer, and nothing is assumed about it. Then comes what it said instead, "" for nothing.
    """
    if not host.connected or host in state.failed_hosts:
        return None, ""
    patience = _LESS_PATIENCE if host in _silent else _PATIENCE
    done, output, errors = command(state, host, _question(units, host), patience)
    if not done:
        if silence.is_silent(errors) and host not in _silent:
            _silent.add(host)
            _, output, _ = command(state, host, hanging.ASK, _LESS_PATIENCE)
            errors = "\n".join([errors, *hanging.programs(output.splitlines())])
        return None, errors.strip()
    return _heard(units, host, output, errors)


def acted(
    state: State, units: Units, host: Host, line: str, timeout: int
) -> tuple[bool, str, str, Seen]:
    """Run a shell command that changes a host, and look at that right after it, as one command.

    Returns what `command` does of the line, and what `look` does.
    """
    whole = and_then(line, _question(units, host))
    done, output, errors = command(state, host, whole, timeout + _PATIENCE)
    code, said, answer = apart(output)
    seen = _heard(units, host, answer, errors) if done and code is not None else (None, errors)
    return code == 0, said, errors, seen


def _question(units: Units, host: Host) -> str:
    known = _listeners.setdefault(host, Listener()).node
    return _ask(units, known.stuck if known else ())


def _heard(units: Units, host: Host, answer: str, errors: str) -> Seen:
    try:
        return _listeners[host].hears(answer.split("\n"), units), ""
    except ValueError as problem:
        return None, f"{errors.strip()}\n{problem}".strip()


@lru_cache(maxsize=64)  # most nodes are asked the same
def _ask(units: Units, stuck: tuple[str, ...]) -> str:
    """The command that has a node say what it has."""
    return f"sh -c {shlex.quote(script(units, stuck))}"


def knock(state: State, units: Units, host: Host) -> Node | None:
    """What a node has that could not be reached before; None if it gives no answer by now either.

    It does not take long: whoever asks may do so in the window.
    """
    if not host.connected:
        with suppress(ConnectError), Timeout(_LESS_PATIENCE, False):
            host.connector.connect()
            host.connected = True
    return look(state, units, host)[0]


@contextmanager
def _working_on(host: Host) -> Iterator[None]:
    """Have pyinfra work on this node meanwhile, and then on the one before again.

    pyinfra's own `use` (3.x) stays with it where an exception comes out, a time-out for one: all
    steps that are read after that would be steps of this node, and the other one would have none.
    """
    before = ctx_host.get()
    ctx_host.set(host)
    try:
        yield
    finally:
        ctx_host.set(before)


def command(state: State, host: Host, line: str, timeout: int) -> tuple[bool, str, str]:
    """Run a shell command on a host, with the settings of config.py.

    + timeout: seconds until it is given up
    Returns whether it exited 0, its standard output, and its standard error, without what the
    node's login scripts print before and after.
    """
    if not host.connected:
        return False, "", f"{host.name} cannot be reached"
    try:
        with ctx_state.use(state), _working_on(host), Timeout(timeout + _GRACE, TimeoutError):
            chosen = _chosen(state, host, timeout)
            done, output = host.run_shell_command(StringCommand(framed(line)), **chosen)
    except TimeoutError:
        return False, "", f"no answer within {timeout} seconds"
    except (OSError, EOFError, SSHException, PyinfraError) as problem:
        return False, "", f"the connection broke ({str(problem) or type(problem).__name__})"
    answer, errors = within(output.stdout), within(output.stderr)
    if answer is None and not done:  # it never began: all that was said is why
        return False, "", "\n".join(filter(None, (output.stdout, output.stderr)))
    return (
        done,
        output.stdout if answer is None else answer,
        output.stderr if errors is None else errors,
    )


def _chosen(state: State, host: Host, timeout: int) -> dict[str, Any]:
    """The settings of config.py and of a host's data that a connection takes.

    Nothing changes them once a procedure has begun; while it is read, it has a configuration of
    its own.
    """
    config = ctx_config.get() or state.config
    known = _taken.get(host)
    if known is None or known[0] is not config:
        arguments: Any = pop_global_arguments(state, host, {})[0]
        found = {key: arguments[key] for key in CONNECTOR_ARGUMENT_KEYS if key in arguments}
        known = _taken[host] = config, found
    return {**known[1], "_timeout": timeout}
