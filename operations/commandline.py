"""What was typed: flags that make a correct run impossible, and the lab that must not be missed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from pyinfra.api.exceptions import DeployError
from pyinfra.api.state import State, StateStage

# Seen on pyinfra 3.10: what each does to a procedure whose steps belong together on all nodes.
_IMPOSSIBLE = {
    "serial": "--serial runs the whole procedure on one node after the other: an agent would be "
    "started again before the servers are stopped",
    "no_wait": "--no-wait lets nodes run ahead of the others: no step waits for the one before",
    "limit": "--limit leaves nodes out, and all nodes of a system are updated together",
    "exclude": "--exclude leaves nodes out, and all nodes of a system are updated together",
}


def _typed() -> dict[str, Any]:
    context = click.get_current_context(silent=True)
    return context.params if context else {}


def impossible_flags() -> list[str]:
    """Say of each flag given to pyinfra why no correct update is possible with it."""
    typed = _typed()
    return [reason for flag, reason in _IMPOSSIBLE.items() if typed.get(flag)]


def check_lab_is_up() -> None:
    """Raise DeployError if an ssh_config was named that is not there.

    pyinfra 3.10 silently ignores a missing file and connects to the nodes' own names: what was
    meant for a lab that is down would reach the real system.
    """
    for item in _typed().get("data") or ():
        key, _, value = item.partition("=")
        if key == "ssh_config_file" and not Path(value).expanduser().is_file():
            raise DeployError(
                f"There is no {value}: the lab is not up, and without that file the command would "
                "go to the real nodes. Type `make lab` first."
            )


def raise_after_connecting(state: State) -> bool:
    """Tell pyinfra (`State.should_raise_failed_hosts`) if a failed host ends the run right now.

    While connecting it does not: the deploy lists the nodes that do not answer with all other
    findings, and refuses.
    """
    return state.current_stage is not StateStage.Connect
