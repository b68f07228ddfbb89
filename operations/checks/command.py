"""What can be told without a node: flags, settings, inventory."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pyinfra.api import State

from ..machinery import commandline, hosts, settings, signing_key
from ..machinery.settings import Settings
from ..rules import secrets
from ..rules.findings import Finding
from . import data, hooks, host_keys, open_files

_WHERE = "group_data/all.py"


def read_settings(state: State) -> tuple[Settings, list[Finding]]:
    """What the site decided, with what is wrong about it."""
    given: Mapping[str, Any] = next((host.data.dict() for host in state.inventory), {})
    for host in state.inventory:
        secrets.learn(host.data.dict())
    secrets.learn({"sudo_password": state.config.SUDO_PASSWORD})
    found, problems = Settings.read(given)
    return found, [
        Finding("bad-setting", (), f"{problem}: correct it in {_WHERE}") for problem in problems
    ]


def findings(state: State, words: Collection[str] = ()) -> Iterator[Finding]:
    """What is wrong with what was typed, and with where settings stand.

    + words: names that the procedure asks for in `--data` besides settings
    """
    if not commandline.remembered():
        yield Finding("no-config", (), "config.py was not read: leave out --config")
    for reason in commandline.impossible_flags():
        yield Finding("impossible-flag", (), f"{reason}; leave it out")
    yield from data.findings(state, words)
    yield from host_keys.settings(state)
    yield from of_settings({host.name: host.data.dict() for host in state.inventory})


def beforehand(state: State, words: Collection[str] = ()) -> list[Finding]:
    """All that can be told without a node; argument as of `findings`."""
    read, wrong = read_settings(state)
    found = [*findings(state, words), *wrong, *keys(read)]
    return [*found, *hooks.findings(read), *empty_groups(state), *open_files.findings(state)]


def keys(settings: Settings) -> Iterator[Finding]:
    """Repositories whose key is a file of the site that is not there."""
    for name, repository in settings.repositories.items():
        if problem := signing_key.missing(repository):
            message = f"repositories['{name}']: {problem}: correct it in {_WHERE}"
            yield Finding("bad-setting", (), message)


def empty_groups(state: State) -> Iterator[Finding]:
    """Roles that the inventory gives to nobody."""
    for role, names in hosts.groups(state).items():
        if not names:
            message = f"the inventory names no {role}: list them in `inventory`"
            yield Finding("empty-group", (), message)


def of_settings(hosts: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """Settings that not all nodes have alike.

    + hosts: node name to its data
    """
    for name, odd in settings.differing(hosts).items():
        yield Finding(
            "bad-setting",
            tuple(odd),
            f"{name} is another one there than on the other nodes, and one update has one policy: "
            f"set it in {_WHERE} alone",
        )
