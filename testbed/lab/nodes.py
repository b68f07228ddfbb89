"""The nodes that a lab is made of, and how an inventory describes them."""

import runpy
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.sim.common import release

ROLES = ("servers", "admins", "clients")


@dataclass(frozen=True)
class LabNode:
    """One node of a lab.

    + name: its hostname, and its name in the inventory
    + roles: any of "servers", "admins", "clients"; a node without a role gets no DAOS package
    + flavour: the distribution it plays, a folder of node/flavours; "el83" is CentOS 8.3, with a
      repository that holds 8.4, and DAOS 1.x needs its hwloc
    + version: the DAOS release it starts with, where that differs from the lab's
    """

    name: str
    roles: frozenset[str]
    flavour: str = "el8"
    version: str | None = None

    def __post_init__(self) -> None:
        unknown = sorted(self.roles - set(ROLES))
        if unknown:
            raise ValueError(
                f"{self.name}: {unknown[0]!r} is no role; roles are {', '.join(ROLES)}"
            )


# The flavour that the nodes of a series have where nobody names one: the series supports it, and so
# does the next one that can be reached without another operating system.
_FLAVOURS = {"2.4": "el88", "2.6": "el9"}


def flavour_for(version: str) -> str:
    """The flavour of a lab that begins with a release ("2.4.1"), where nobody names one."""
    return _FLAVOURS.get(release.series(version), "el8")


def lab_nodes_from_inventory(path: Path | str = "inventory", flavour: str = "el8") -> list[LabNode]:
    """Read a pyinfra inventory file; give a node for each name in its three groups.

    A group is a list of hosts, or a pair of such a list and the group's data; a host is a name, or
    a pair of a name and its data. Raises ValueError where the file names no node.
    """
    variables = runpy.run_path(str(path))
    roles: dict[str, set[str]] = {}
    for role in ROLES:
        for name in _names(variables.get(role, ())):
            roles.setdefault(name, set()).add(role)
    if not roles:
        raise ValueError(f"{path} names no node in any of the groups {', '.join(ROLES)}")
    return [LabNode(name, frozenset(held), flavour) for name, held in roles.items()]


def _names(group: Iterable[Any]) -> list[str]:
    """The host names of one group of an inventory."""
    members = group
    if isinstance(group, tuple) and len(group) == 2 and isinstance(group[1], dict):
        members = group[0]
    return [str(host[0] if isinstance(host, tuple) else host) for host in members]
