"""What can be told without a node: flags, settings, inventory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..machinery import commandline, settings
from ..machinery.run import Run
from ..machinery.settings import Settings
from ..rules.findings import Finding

_WHERE = "group_data/all.py"


def findings(current: Run) -> Iterator[Finding]:
    """What is wrong with what was typed and written; sets `current.settings`."""
    if not commandline.remembered():
        yield Finding("no-config", (), "config.py was not read: leave out --config")
    for reason in commandline.impossible_flags():
        yield Finding("impossible-flag", (), f"{reason}; leave it out")
    hosts = {host.name: host.data.dict() for host in current.state.inventory}
    yield from of_settings(hosts)
    current.settings, wrong = Settings.read(next(iter(hosts.values()), {}))
    for sentence in wrong:
        yield Finding("bad-setting", (), f"{sentence}: correct it in {_WHERE}")
    for role, names in current.start.groups.items():
        if not names:
            yield Finding(
                "empty-group", (), f"the inventory names no {role}: list them in `inventory`"
            )


def of_settings(hosts: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """Settings that are misspelt, or that not all nodes have alike.

    + hosts: node name to its data
    """
    given = {name: value for data in hosts.values() for name, value in data.items()}
    for sentence in settings.misspelt(given):
        yield Finding("bad-setting", (), f"{sentence} Correct it in {_WHERE}")
    for name, odd in settings.differing(hosts).items():
        yield Finding(
            "bad-setting",
            tuple(odd),
            f"{name} is another one there than on the other nodes, and one update has one policy: "
            f"set it in {_WHERE} alone",
        )
