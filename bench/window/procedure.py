"""The offline update as it is typed by hand, phase by phase, for whatever brings it to the nodes.

Source: "Updating DAOS from Version 2.0.x to Version 2.0.y" (DAOS 2.0, offline update).
"""

from __future__ import annotations

from dataclasses import dataclass

from testbed.lab.container import Node
from testbed.lab.harness import Lab

BEFORE, TARGET = "2.0.1", "2.0.3"
FLAVOUR = "el8"
FETCHING = 10  # seconds that the packages of all nodes take of a slow repository
_REPOSITORY = """\
[daos-by-hand]
name=DAOS
baseurl=http://daos-repo/v2.0/EL8
enabled=1
gpgcheck=1
repo_gpgcheck=1
gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-daos
"""
_PACKAGES = f"'daos*-{TARGET}*'"
_NOT_THERE = "Stopp|Start|Exclu|Err|Unknown|Await|Unresp|Evict"
JOINED = (
    'until said=$(dmg system query) && echo "$said" | grep -q Joined'
    f" && ! echo \"$said\" | grep -Eq '{_NOT_THERE}'; do sleep 0.1; done"
)


@dataclass(frozen=True)
class Phase:
    """A command that all nodes of some kind get at the same time, before the next one.

    + nodes: their names
    + line: the shell command, for root
    """

    nodes: tuple[str, ...]
    line: str


def slow(lab: Lab) -> None:
    """From here on the repository needs some seconds for the packages of all nodes together."""
    packages = f"/srv/www/v2.0/EL8/daos*-{TARGET}-*.rpm"
    total = f"$(cat {packages} | wc -c) * {len(lab.nodes)}"
    lab.repo.run(f'echo "$(({total} / {FETCHING}))" > /srv/rate')


def set_up(lab: Lab) -> None:
    """What is done days before: the repository is defined on each node, and its key is trusted."""
    for node in lab.nodes.values():
        node.run(f"printf %s '{_REPOSITORY}' > /etc/yum.repos.d/daos-by-hand.repo")
        node.run("rpm --import /etc/pki/rpm-gpg/RPM-GPG-KEY-daos")


def fetch(lab: Lab) -> Phase:
    """Downloads the packages while DAOS serves."""
    line = f"dnf -y -q --setopt=keepcache=1 --downloadonly upgrade {_PACKAGES}"
    return Phase(tuple(lab.nodes), line)


def phases(lab: Lab, fetched: bool) -> list[Phase]:
    """The window.

    + fetched: whether the packages are there already, and dnf needs not look at its repositories
    """
    clients, servers, admins = (_names(lab.having(it)) for it in ("clients", "servers", "admins"))
    cached = " -C" if fetched else ""
    return [
        Phase(clients, "systemctl stop daos_agent"),
        Phase(admins[:1], "dmg system stop"),
        Phase(servers, "systemctl stop daos_server"),
        Phase(tuple(lab.nodes), f"dnf -y -q{cached} --setopt=keepcache=1 upgrade {_PACKAGES}"),
        Phase(servers, "systemctl start daos_server"),
        Phase(admins[:1], JOINED),
        Phase(clients, "systemctl start daos_agent"),
    ]


def _names(nodes: list[Node]) -> tuple[str, ...]:
    return tuple(node.name for node in nodes)
