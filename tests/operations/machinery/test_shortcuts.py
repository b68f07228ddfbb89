"""What is done in short comes to the same as at length."""

from __future__ import annotations

import subprocess
import sys
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api import Config, Inventory, State, arguments
from pyinfra.api.operation import OperationMeta
from pyinfra.api.state import StateOperationHostData
from pyinfra.connectors.util import CommandOutput, OutputLine
from pyinfra.context import ctx_config, ctx_host, ctx_state

from operations.machinery.shortcuts import forgetful, once_for_a_host, take_of_inventories

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.usefixtures("no_file_is_read")


class _Counted:
    """pyinfra's own way to work out settings, counted."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, state: Any, host: Any, given: dict[str, Any]) -> Any:
        self.count += 1
        return arguments.pop_global_arguments(state, host, given)


def _state() -> State:
    hosts: Any = [("node-1", {"_sudo_user": "ops"}), ("node-2", {})]
    return State(Inventory((hosts, {})), Config(SUDO=True))


def test_settings_are_worked_out_once_for_all_steps_of_a_node() -> None:
    state, counted = _state(), _Counted()
    settings = once_for_a_host(counted)
    for host in state.inventory:
        for name in ("first", "second"):
            given, same = {"name": name, "other": 1}, {"name": name, "other": 1}
            assert settings(state, host, given) == arguments.pop_global_arguments(state, host, same)
            assert given == same == {"other": 1}
    assert counted.count == 2


def test_one_step_has_nothing_of_what_another_one_makes_of_its_settings() -> None:
    state = _state()
    settings = once_for_a_host(arguments.pop_global_arguments)
    here = next(iter(state.inventory))
    settings(state, here, {"name": "first"})[0]["_sudo"] = False
    assert settings(state, here, {"name": "second"})[0]["_sudo"] is True


@pytest.mark.parametrize(
    "given", [{"_sudo": False, "name": "x"}, {"_retries": 2, "name": "x"}, {}, {"name": None}]
)
def test_a_step_that_is_given_a_setting_has_it(given: dict[str, Any]) -> None:
    state = _state()
    settings = once_for_a_host(arguments.pop_global_arguments)
    here = next(iter(state.inventory))
    settings(state, here, {"name": "before"})
    expected = arguments.pop_global_arguments(state, here, dict(given))
    assert settings(state, here, given) == expected


def test_nodes_share_what_is_the_same_and_nobody_takes_it_away() -> None:
    hosts: Any = [("node-1", {}), ("node-2", {}), ("node-3", {"_sudo_user": "ops"})]
    state = State(Inventory((hosts, {})), Config(SUDO=True))
    settings = once_for_a_host(arguments.pop_global_arguments)
    one, same, other = (settings(state, host, {"name": "x"})[0] for host in state.inventory)
    assert one is same
    assert one is not other
    assert one.pop("_serial") is False
    assert one["_serial"] is False
    assert one.pop("missing", 1) == 1
    with pytest.raises(KeyError):
        one.pop("missing")


def test_of_commands_the_number_is_kept_alone() -> None:
    class Command:
        pass

    class Meta(OperationMeta):
        set_complete = forgetful(OperationMeta.set_complete)

    meta, none, command = Meta("hash", None), Meta("hash", None), Command()
    kept = weakref.ref(command)
    meta.set_complete(True, [command], CommandOutput([]))
    none.set_complete(True, [], CommandOutput([]))
    del command
    assert kept() is None
    assert meta.executed
    assert meta.did_change()
    assert not none.executed
    assert not none.did_change()


def test_nodes_on_which_a_step_went_alike_share_what_is_kept_of_it() -> None:
    state = State(Inventory((["a", "b", "c", "d"], {})), Config())
    settings: Any = {}
    metas = [OperationMeta("hash", None) for _ in state.inventory]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OperationMeta, "set_complete", forgetful(OperationMeta.set_complete))
        for host, meta, commands in zip(state.inventory, metas, (1, 1, 2, 0), strict=True):
            state.ops[host]["hash"] = StateOperationHostData(lambda: iter(()), settings, meta)
            with ctx_state.use(state), ctx_host.use(host):
                said = CommandOutput([OutputLine("stdout", host.name)])
                meta.set_complete(True, [None] * commands, said)
    one, same, more, none = (state.ops[host]["hash"] for host in state.inventory)
    assert one is same
    assert [it.operation_meta.did_change() for it in (one, more, none)] == [True, True, False]
    assert len({id(it) for it in (one, more, none)}) == 3
    assert not list(one.command_generator())
    assert [meta.stdout for meta in metas] == ["a", "b", "c", "d"]  # for whoever has asked for it


def test_a_connection_that_waits_is_left_alone_and_ends_at_once_all_the_same() -> None:
    """In a process of its own, as it is taken by all of one."""
    done = subprocess.run(
        [sys.executable, "-c", _IDLE], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    looks, closed = map(float, done.stdout.split())
    assert looks <= 2
    assert closed


_IDLE = """
from gevent import monkey; monkey.patch_all()
import socket, threading, gevent, paramiko
from operations.machinery import shortcuts
shortcuts.take()
here, there = socket.socketpair()
looks = []
check = paramiko.packet.Packetizer._check_keepalive
paramiko.packet.Packetizer._check_keepalive = lambda it: (looks.append(1), check(it))[1]
transport = paramiko.Transport(here)
transport.packetizer.readline = lambda timeout: "SSH-2.0-nobody"
transport.start_client(event=threading.Event())
gevent.sleep(1.5)
transport.close()
transport.join(1)
print(len(looks), int(not transport.is_alive()))
"""


@pytest.mark.parametrize(
    ("taken", "others"),
    [
        ("from operations.machinery import shortcuts; shortcuts.take()", "0"),
        ("", "1"),  # where that is 0, gevent's lock has become better, and ours needless
    ],
)
def test_nobody_waits_for_all_others_with_each_line_of_an_answer(taken: str, others: str) -> None:
    code = _LINE.format(taken=taken)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert done.stdout.split() == [others, *("True", "False") * 2]


_LINE = """
from gevent import monkey; monkey.patch_all()
import threading, gevent
{taken}
others = []
gevent.spawn(lambda: others.append("turn"))
condition = threading.Condition(threading.Lock())
with condition:
    condition.notify()
print(len(others))
for lock in (threading.Lock(), threading.RLock()):
    condition = threading.Condition(lock)
    with condition:
        print(condition._is_owned())
    print(condition._is_owned())
"""


def test_settings_that_change_count_from_then_on() -> None:
    state = _state()
    settings = once_for_a_host(arguments.pop_global_arguments)
    here = next(iter(state.inventory))

    def sudo() -> Any:
        return settings(state, here, {"name": "x"})[0]["_sudo"]

    assert sudo() is True
    state.config.SUDO = False
    assert sudo() is False
    with ctx_config.use(Config(SUDO=True)):
        assert sudo() is True
    here.data._sudo = True
    assert sudo() is True


def test_a_file_of_group_data_is_read_once_for_all_names_in_it() -> None:
    read: list[str] = []

    def names(file: str) -> set[str]:
        read.append(file)
        return {"os"}

    module: Any = SimpleNamespace(_get_imported_names=names)
    take_of_inventories(module)
    assert [module._get_imported_names(file) for file in "aab"] == [{"os"}] * 3
    assert read == ["a", "b"]
