"""What pyinfra and paramiko do at length, and nobody needs: done in short."""

import hmac
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from types import FrameType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import paramiko.util
from pyinfra.api import Host, State, arguments, util
from pyinfra.context import ctx_config


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
    operation: Any = import_module("pyinfra.api.operation")  # pyinfra.api has a function of it
    if operation.pop_global_arguments is arguments.pop_global_arguments:
        operation.pop_global_arguments = once_for_a_host(arguments.pop_global_arguments)
    # paramiko compares the code of every message byte by byte.
    paramiko.util.constant_time_bytes_eq = hmac.compare_digest  # type: ignore[assignment]


def take_of_inventories(module: Any) -> None:
    """Take what there is where pyinfra reads an inventory, in this process.

    + module: of pyinfra's command, which nothing of this may load
    """
    # pyinfra reads each file of group_data anew for each name in it.
    module._get_imported_names = cache(module._get_imported_names)


Work = Callable[[State, Host, dict[str, Any]], tuple[Any, list[str]]]


def once_for_a_host(work_out: Work) -> Work:
    """The settings that count for a step on a node, worked out once for all steps.

    pyinfra works them out for each: 32 settings, each looked up in the data of the node, of its
    groups and of all. They are the same as long as its configuration and that data are; a step that
    is given one of them, or stands in a deploy of pyinfra's own, is none of the usual ones.

    + work_out: pyinfra's own way
    """
    usual: WeakKeyDictionary[Host, tuple[Any, Any]] = WeakKeyDictionary()

    def known(state: State, host: Host, given: dict[str, Any]) -> tuple[Any, list[str]]:
        name = given.get("name")
        unusual = host.current_deploy_kwargs or host.get_deploy_data() or host.data.override_datas
        if unusual or not isinstance(name, str) or any(it in _SETTINGS for it in given):
            return work_out(state, host, given)
        config = dict(vars(ctx_config.get() or state.config))
        if host not in usual or usual[host][0] != config:
            usual[host] = config, work_out(state, host, {})[0]
        return {**usual[host][1], "name": given.pop("name")}, ["name"]

    return known


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
