"""What was typed: flags that make a correct run impossible, and the lab that must not be missed."""

import json
import os
import shlex
import shutil
import sys
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

import click
from pyinfra.api.exceptions import DeployError
from pyinfra.api.state import State, StateStage
from pyinfra.connectors.ssh import connector_data_meta

from ..rules import secrets
from . import output

_ALIKE = 0.8  # of 1; "config_file" is to "ssh_config_file" 0.85

# Seen on pyinfra 3.10: what each does to a procedure whose steps belong together on all nodes.
_IMPOSSIBLE = {
    "serial": "--serial runs the whole procedure on one node after the other: an agent would be "
    "started again before the servers are stopped",
    "no_wait": "--no-wait lets nodes run ahead of the others: no step waits for the one before",
    "limit": "--limit leaves nodes out, and all nodes of a system are updated together",
    "exclude": "--exclude leaves nodes out, and all nodes of a system are updated together",
    "use_sudo_login": "--use-sudo-login has sudo write each command anew for a login shell, which "
    "takes the ends of its lines away",
}

_typed: dict[str, Any] = {}
_read_config = False


def remembered() -> bool:
    """Whether config.py was read; without it a failed node would not stop the others."""
    return _read_config


def remember() -> None:
    """Remember what was typed; config.py calls this, as later code runs where click has no context.

    Raises DeployError if what was meant for a lab would reach the real system, or nodes would be
    reached by other means than was meant.
    """
    global _read_config
    _read_config = True
    context = click.get_current_context(silent=True)
    _typed.clear()
    _typed.update(context.params if context else {})
    _learn_passwords()
    if leads_a_procedure():
        output.take(verbose(), as_json())
    if (_typed.get("parallel") or 0) < 0:
        raise DeployError("--parallel says at how many nodes a time steps act: none is too few")
    _check_who_is_asked()
    _check_where_it_goes()
    _check_lab_is_up()


def _learn_passwords() -> None:
    """From here on no password that was typed is told again."""
    secrets.learn(_typed)
    pairs = (item.partition("=") for item in _typed.get("data") or ())
    secrets.learn({name: _parsed(value) for name, _, value in pairs})


def _parsed(value: str) -> Any:
    """What stands in a value, whose parts may be passwords as well."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def dry() -> bool:
    """Whether only the plan was asked for."""
    return bool(_typed.get("dry"))


def yes() -> bool:
    """Whether nothing is to be asked."""
    return bool(_typed.get("yes"))


def as_json() -> bool:
    """Whether pyinfra is to print JSON, and nothing else, to standard output."""
    return bool(_typed.get("json_output"))


def verbose() -> bool:
    """Whether what pyinfra says of each node is to be shown."""
    return any(_typed.get(flag) for flag in ("verbosity", "debug", "debug_all"))


def leads_a_procedure() -> bool:
    """Whether the file of a procedure was typed, and not a command such as `fact` or `exec`."""
    return str(next(iter(_typed.get("operations") or ()), "")).endswith(".py")


def impossible_flags() -> list[str]:
    """Say of each word given to pyinfra why no correct update is possible with it."""
    reasons = [reason for flag, reason in _IMPOSSIBLE.items() if _typed.get(flag)]
    for flag in ("sudo", "su", "dzdo"):
        user = _typed.get(f"{flag}_user") or "root"
        if user != "root":
            reasons.append(f"--{flag}-user {user}: what is looked at and done is root's")
    if (_typed.get("retry") or 0) < 0:
        reasons.append("--retry below 0 has pyinfra take no step, and say that each is done")
    first, *others = _typed.get("operations") or ("",)
    if others:
        reasons.append(
            f"{' '.join(others)} after {first}: a run is one procedure, and what the first has "
            "found is no longer so for the next, which is a command of its own"
        )
    missing = [path for path in _typed.get("group_data") or () if not Path(path).exists()]
    return reasons + [f"--group-data {path}: there is no such folder" for path in missing]


def _check_who_is_asked() -> None:
    """Raise DeployError where pyinfra would ask for a password that nobody can type."""
    for flag in ("same_sudo_password", "ssh_password_prompt"):
        if _typed.get(flag) and not sys.stdin.isatty():
            option = flag.replace("_", "-")
            raise DeployError(f"--{option} asks for a password, and there is no terminal to it")


def _check_where_it_goes() -> None:
    """Raise DeployError where what looks like a connection's key is none.

    pyinfra silently ignores it, and connects all the same: to other nodes, or to none, and where it
    reaches none the procedure is not even read. All other names are judged by the procedure.
    """
    known = connector_data_meta
    for item in _typed.get("data") or ():
        name, equals, _ = item.partition("=")
        meant = get_close_matches(name, known, n=1, cutoff=_ALIKE)
        if not equals:
            said = secrets.assignment(item).partition("=")[0]
            raise DeployError(f"--data {said} has no value: type --data {said}=VALUE.")
        if name not in known and (meant or name.startswith("ssh")):
            ask = f"did you mean {meant[0]}?" if meant else f"there are {', '.join(known)}."
            raise DeployError(f"--data {name} tells nobody how to connect: {ask}")


def _check_lab_is_up() -> None:
    """Raise DeployError where a lab was named that is not there.

    pyinfra 3.10 silently ignores an ssh_config that is not there, and connects to the nodes' own
    names. In a shell that has a lab activated (DAOS_LAB is its folder) one must be named.
    """
    named = ssh_configs()
    for value in named:
        if not Path(value).expanduser().is_file():
            raise DeployError(
                f"There is no {value}: the lab is not up, and without that file the command would "
                "go to the real nodes. Type `make lab` first."
            )
    lab = os.environ.get("DAOS_LAB")
    if lab and not named:
        raise DeployError(
            f"This shell is set to the lab in {lab}, but this command would go to the real nodes. "
            "Type `lab_deactivate` first, or name the lab: --data ssh_config_file=.lab/ssh_config"
        )


def ssh_configs() -> list[str]:
    """The files that were typed to say how to connect; the last one counts."""
    pairs = [item.partition("=") for item in _typed.get("data") or ()]
    return [value for key, _, value in pairs if key == "ssh_config_file"]


def raise_after_connecting(state: State) -> bool:
    """Tell pyinfra (`State.should_raise_failed_hosts`) if a failed host ends the run right now.

    While connecting it does not: the deploy lists the nodes that do not answer with all other
    findings, and refuses.
    """
    return state.current_stage is not StateStage.Connect


def typed(deploy: str | None = None) -> str:
    """The command that was typed; with another deploy file in it if one is given.

    A word stands in the place of each password.
    """
    words = secrets.of_command(sys.argv[1:])
    if deploy:
        first = next(iter(_typed.get("operations") or ()), None)
        words = [deploy if word == first else word for word in words]
    return shlex.join([*_program(sys.argv[0]), *words])


@lru_cache(maxsize=1)
def _program(name: str) -> list[str]:
    """What pyinfra was called, as far as it is known here.

    + name: how the process was started
    """
    if Path(name).name == "__main__.py":
        return ["python", "-m", "pyinfra"]
    found = shutil.which(Path(name).name)
    return [Path(name).name if found and Path(found).absolute() == Path(name).absolute() else name]
