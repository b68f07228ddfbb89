"""A command that was typed before, by which the same nodes are reached again, in the same way."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from pyinfra.api import Config, Host, State
from pyinfra.api.connect import connect_all
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_config, ctx_inventory, ctx_state

from ..rules import secrets
from . import connections, hosts

_TIMEOUT = 60  # seconds for what a node is asked


def _pyinfra() -> Any:
    """pyinfra's command line. Not at the import of this: it replaces what waits in the process."""
    return import_module("pyinfra_cli.cli")


@dataclass
class Connected:
    """Nodes that were asked for.

    + names: all of them
    + away: those that could not be reached
    """

    names: tuple[str, ...] = ()
    away: tuple[str, ...] = ()
    _state: State | None = None
    _hosts: Sequence[Host] = field(default_factory=list)

    def ask(self, line: str) -> dict[str, str]:
        """What a shell command prints on each node that could be reached."""
        state = self._state
        if state is None:
            return {}
        said = hosts.at_once(self._hosts, lambda host: hosts.command(state, host, line, _TIMEOUT))
        return {host.name: output for host, (_, output, _) in said.items()}


def connect(words: Sequence[str], names: Collection[str]) -> tuple[Connected, list[Path]]:
    """Connect to some nodes as a command did; with the files of its inventory and its settings.

    What is a password among its settings is told by nobody from here on.

    + words: what was typed after `pyinfra`
    + names: those of the nodes
    """
    connections.mend()
    typed = _typed(words)
    folders = typed["group_data"] or ["group_data"]
    files = [Path(typed["inventory"]), *_settings(folders)]
    state = State(check_for_changes=False)
    state.cwd = str(Path.cwd())
    config = Config(SUDO=True, CONNECT_TIMEOUT=10, FAIL_PERCENT=100)
    with ctx_state.use(state), ctx_config.use(config):
        inventory = _pyinfra().make_inventory(
            typed["inventory"],
            cwd=state.cwd,
            override_data=_override(typed),
            group_data_directories=list(typed["group_data"]),
        )
        for host in inventory:
            secrets.learn(host.data.dict())
        asked = [host for host in inventory if host.name in set(names)]
        with ctx_inventory.use(inventory):
            state.init(inventory, config, initial_limit=asked)
            state.set_stage(StateStage.Connect)
            if asked:
                connect_all(state)
    reached = [host for host in asked if host.connected]
    away = tuple(host.name for host in asked if not host.connected)
    return Connected(tuple(host.name for host in asked), away, state, reached), files


def _typed(words: Sequence[str]) -> dict[str, Any]:
    """The words, as pyinfra reads them; a password that is not known any more is none."""
    if not words:
        raise LookupError("the report does not say what was typed")
    typed = _pyinfra().cli.make_context("pyinfra", list(words)).params
    typed = {name: None if value == secrets.WORD else value for name, value in typed.items()}
    known = (item for item in typed["data"] or () if item.partition("=")[2] != secrets.WORD)
    return {**typed, "data": tuple(known)}


def _override(typed: dict[str, Any]) -> dict[str, Any]:
    names = ("ssh_user", "ssh_key", "ssh_key_password", "ssh_port", "ssh_password")
    found: dict[str, Any] = _pyinfra()._set_override_data(
        typed["data"], *(typed[it] for it in names)
    )
    return found


def _settings(folders: Iterable[str]) -> list[Path]:
    return [path for folder in folders for path in sorted(Path(folder).glob("*.py"))]
