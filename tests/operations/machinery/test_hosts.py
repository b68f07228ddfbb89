"""What a connection to a node is given, and what is asked there."""

from __future__ import annotations

from typing import Any

import pytest
from pyinfra.api import Config, Inventory, State
from pyinfra.context import ctx_config, ctx_host, ctx_state

from operations.daos.units import Units
from operations.machinery import hosts
from operations.machinery.hosts import _ask, _chosen, command

pytestmark = pytest.mark.usefixtures("no_file_is_read")


class _Asked(Config):
    """A configuration that counts how often it is asked."""

    count = 0

    def __getattribute__(self, name: str) -> Any:
        if name == "SUDO":
            _Asked.count += 1
        return super().__getattribute__(name)


def _state(**data: Any) -> State:
    hosts = [("node-1", data), ("node-2", {})]
    return State(Inventory((hosts, {})), _Asked(SUDO=True))


def test_what_a_connection_takes_is_asked_once_for_a_node() -> None:
    state = _state(_sudo_user="ops")
    one, other = state.inventory
    assert _chosen(state, one, 60)["_sudo_user"] == "ops"
    assert _chosen(state, other, 60)["_sudo_user"] is None
    asked = _Asked.count
    for timeout in (5, 60):
        chosen = _chosen(state, one, timeout)
        assert (chosen["_sudo"], chosen["_sudo_user"], chosen["_timeout"]) == (True, "ops", timeout)
    assert _Asked.count == asked


def test_a_procedure_that_is_read_has_a_configuration_of_its_own() -> None:
    state = _state()
    here = next(iter(state.inventory))
    assert _chosen(state, here, 60)["_sudo"]
    with ctx_config.use(Config(SUDO=False)):
        assert not _chosen(state, here, 60)["_sudo"]
    assert _chosen(state, here, 60)["_sudo"]


def test_nodes_that_are_asked_the_same_share_the_question() -> None:
    assert _ask(Units(), ("7:1",)) is _ask(Units(), ("7:1",))
    assert _ask(Units(), ("7:1",)) != _ask(Units(), ())


def test_a_question_without_an_answer_leaves_the_work_on_the_node_that_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """pyinfra takes what is read after that for steps of whichever node it believes to work on."""
    monkeypatch.setattr(hosts, "_GRACE", 0.05)
    state = State(Inventory((["@local", "node-1"], {})), Config())
    asked, here = state.inventory
    asked.connected = True
    with ctx_state.use(state), ctx_host.use(here):
        assert command(state, asked, "sleep 20", 0) == (False, "", "no answer within 0 seconds")
        assert ctx_host.get() is here
