"""What pyinfra, paramiko and gevent do at length, and nobody needs: done in short."""

import hmac
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from copy import copy
from dataclasses import replace
from functools import cache
from importlib import import_module
from types import FrameType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import paramiko.util
from pyinfra.api import Host, State, arguments, util
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.state import StateOperationHostData
from pyinfra.connectors.util import CommandOutput
from pyinfra.context import ctx_config, ctx_host, ctx_state

_LOOKS = 2.0  # seconds; what else is looked at then, keepalive and a handshake's end, has more


class Place(NamedTuple):
    """Where a frame is: its file as it was compiled, and the line."""

    filename: str
    lineno: int


def take() -> None:
    """Take them from here on, in this process."""
    # pyinfra tells the order of steps by the lines of their callers. That `inspect` looks for the
    # source of each of them, too, takes longer than all the rest of a plan.
    util.stack = _stack  # type: ignore[assignment]
    util.getframeinfo = _place  # type: ignore[assignment]
    # And it works out anew, for each command on each node, which arguments an operation can have.
    arguments.all_global_arguments = cache(arguments.all_global_arguments)
    # It takes nodes in batches, each waiting for the slowest node of the one before. Its pool
    # alone lets the next node begin as soon as one is done.
    arguments.all_argument_meta["_parallel"].default = lambda config: 0
    operation: Any = import_module("pyinfra.api.operation")  # pyinfra.api has a function of it
    if operation.pop_global_arguments is arguments.pop_global_arguments:
        operation.pop_global_arguments = once_for_a_host(arguments.pop_global_arguments)
    if operation.OperationMeta.set_complete.__module__ != __name__:
        operation.OperationMeta.set_complete = forgetful(operation.OperationMeta.set_complete)
    # Each connection wakes up ten times a second to see whether it was closed, which wakes it up by
    # itself: at some hundred nodes that was most of what a run does while it waits.
    paramiko.Transport._active_check_timeout = _LOOKS  # type: ignore[attr-defined]
    # For each line that a node prints Python asks whether a lock is held, by trying to take it; and
    # gevent has whoever tries that in vain wait until all others have had their turn.
    threading.Condition._is_owned = _is_held  # type: ignore[attr-defined]
    # paramiko compares the code of every message byte by byte.
    paramiko.util.constant_time_bytes_eq = hmac.compare_digest  # type: ignore[assignment]


def take_of_inventories(module: Any) -> None:
    """Take what there is where pyinfra reads an inventory, in this process.

    + module: of pyinfra's command, which nothing of this may load
    """
    # pyinfra reads each file of group_data anew for each name in it.
    module._get_imported_names = cache(module._get_imported_names)


def _is_held(condition: threading.Condition) -> bool:
    """Whether the lock of a condition is held; one that can be taken twice has its own answer."""
    locked: bool = condition._lock.locked()  # type: ignore[attr-defined]
    return locked


Work = Callable[[State, Host, dict[str, Any]], tuple[Any, list[str]]]


def once_for_a_host(work_out: Work) -> Work:
    """The settings that count for a step on a node, worked out once for all steps.

    pyinfra works them out for each: 32 settings, each looked up in the data of the node, of its
    groups and of all. They are the same as long as its configuration and that data are; a step that
    is given one of them, or stands in a deploy of pyinfra's own, is none of the usual ones.

    + work_out: pyinfra's own way
    """
    usual: WeakKeyDictionary[Host, tuple[Any, _Alike]] = WeakKeyDictionary()
    alike: list[_Alike] = []

    def known(state: State, host: Host, given: dict[str, Any]) -> tuple[Any, list[str]]:
        name = given.get("name")
        unusual = host.current_deploy_kwargs or host.get_deploy_data() or host.data.override_datas
        if unusual or not isinstance(name, str) or any(it in _SETTINGS for it in given):
            return work_out(state, host, given)
        config = dict(vars(ctx_config.get() or state.config))
        if host not in usual or usual[host][0] != config:
            settings = work_out(state, host, {})[0]
            its = next((it for it in alike if it.settings == settings), None)
            if its is None:
                alike.append(its := _Alike(settings))
            usual[host] = config, its
        return usual[host][1].of(given.pop("name")), ["name"]

    return known


class _Alike:
    """The settings of all nodes that have the same ones."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self._named: dict[str, _Settings] = {}

    def of(self, name: str) -> "_Settings":
        """These settings for a step."""
        if name not in self._named:
            self._named[name] = _Settings(self.settings, name=name)
        return self._named[name]


class _Settings(dict[str, Any]):
    """The settings of a step, which thousands of nodes share."""

    def pop(self, key: str, *default: Any) -> Any:
        """The setting; pyinfra takes some out of those of each node, here they stay in."""
        return self.get(key, *default) if default else self[key]


def forgetful(complete: Callable[..., None]) -> Callable[..., None]:
    """How many commands a step had on a node is kept, but not what they were, nor what makes them.

    pyinfra keeps both to the end, and with them all that was known when they were made. Nodes on
    which a step went alike share what is kept of it.

    + complete: pyinfra's own `OperationMeta.set_complete`
    """
    over: WeakKeyDictionary[State, dict[Any, StateOperationHostData]] = WeakKeyDictionary()

    def completed(
        meta: Any, success: bool, commands: Collection[Any], *more: Any, **other: Any
    ) -> None:
        complete(meta, success, (None,) * len(commands), *more, **other)
        if not (ctx_state.isset() and ctx_host.isset()):
            return
        its = ctx_state.get().ops[ctx_host.get()]
        if data := its.get(meta._hash):
            known = over.setdefault(ctx_state.get(), {})
            its[meta._hash] = known.setdefault(_alike(data), _over(data))

    return completed


def _alike(data: StateOperationHostData) -> tuple[Any, ...]:
    """What is the same of a step that went alike on two nodes."""
    meta: Any = data.operation_meta
    counted = (meta._retry_attempts, meta._max_retries, meta._maybe_is_change)
    settings = id(data.global_arguments)  # which what is kept has, too
    return (meta._hash, data.parent_op_hash, settings, meta._success, len(meta._commands), counted)


def _over(data: StateOperationHostData) -> StateOperationHostData:
    """What is kept of a step that is over; whoever holds pyinfra's own has that still."""
    meta: Any = copy(data.operation_meta)
    meta._combined_output = CommandOutput([])
    return replace(data, command_generator=_nothing, operation_meta=meta)


def _nothing() -> Iterator[PyinfraCommand]:
    """The commands of a step that is over."""
    yield from ()


_SETTINGS = arguments.all_argument_meta.keys() - {"name"}


def _stack() -> list[tuple[FrameType]]:
    """The frames from the caller's on, outwards: what pyinfra takes of `inspect.stack`."""
    frame: FrameType | None = sys._getframe(1)
    frames = []
    while frame:
        frames.append((frame,))
        frame = frame.f_back
    return frames


def _place(frame: FrameType) -> Place:
    return Place(frame.f_code.co_filename, frame.f_lineno)
