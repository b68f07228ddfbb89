"""Every fault that can be planted on a node of a lab: what it does, how it comes and how it goes.

    with faults.ENGINE_NEVER_READY.on(server):
        ...
    faults.TRANSACTION_PAUSES.plant(server, seconds=4)
    faults.TRANSACTION_PAUSES.mend(server)
    faults.POWER_LOST.strike(server)

Several may be planted on one node at once. Some faults are told to the node's programs, which act
as if they were so (testbed/sim/common/faults.py); the others happen.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from operator import methodcaller
from typing import TYPE_CHECKING, Any

from testbed.sim.common.faults import FILE

if TYPE_CHECKING:
    from testbed.lab.container import Node

_SERVERS, _CLIENTS = frozenset({"servers"}), frozenset({"clients"})


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong on a node.

    + name: what an administrator would call it
    + effect: what it does
    + inject: brings it about on a node; its other arguments are those of `plant`
    + repair: takes it back, with the same arguments; what is over by itself needs none
    + roles: the nodes that it can be planted on, "servers" for example; all if there are none
    + key: what the node's programs know it by, if it is told to them
    """

    name: str
    effect: str
    inject: Callable[..., object]
    repair: Callable[..., object] = lambda node, **how: None
    roles: frozenset[str] = frozenset()
    key: str = ""

    def plant(self, node: Node, **how: Any) -> None:
        """Bring it about. Raises ValueError on a node that it is not for."""
        if self.roles and not self.roles & node.roles:
            raise ValueError(f"{node.name}: {self.name}: only on {', '.join(self.roles)}")
        self.inject(node, **how)

    def mend(self, node: Node, **how: Any) -> None:
        """Take it back; what it has done to DAOS meanwhile is the administrator's to mend."""
        self.repair(node, **how)

    def strike(self, node: Node, **how: Any) -> None:
        """Plant it and mend it at once: it comes and goes."""
        self.plant(node, **how)
        self.mend(node, **how)

    @contextmanager
    def on(self, node: Node, **how: Any) -> Iterator[None]:
        """It is so while the block runs."""
        self.plant(node, **how)
        try:
            yield
        finally:
            self.mend(node, **how)


# How faults are told


def _told(name: str, effect: str, key: str, roles: frozenset[str] = frozenset()) -> Fault:
    """A fault that the node's programs are told of."""
    return Fault(name, effect, partial(_tell, key), partial(_untell, key), roles, key)


def _tell(key: str, node: Node, seconds: float | None = None) -> None:
    _write(node, _read(node) | {key: True if seconds is None else seconds})


def _untell(key: str, node: Node, **_how: Any) -> None:
    told = _read(node)
    told.pop(key, None)
    _write(node, told)


def _read(node: Node) -> dict[str, Any]:
    return dict(json.loads(node.read(FILE) or "{}"))


def _write(node: Node, told: dict[str, Any]) -> None:
    node.run(f"echo {shlex.quote(json.dumps(told))} > {FILE}" if told else f"rm -f {FILE}")


def clear(node: Node) -> None:
    """Tell the node's programs of no fault any more, whatever was planted."""
    _write(node, {})


# How disks and files are changed


def _command(command: str) -> Callable[..., object]:
    """Run a shell command on the node; {folder}, {path} and the like in it are arguments."""

    def run(node: Node, **how: Any) -> None:
        node.run(command.format(**{name: shlex.quote(str(how[name])) for name in how}))

    return run


def _sshd(change: str) -> Callable[..., object]:
    """Change what sshd is told, and wait until it listens anew: it hangs up on who comes before."""

    def run(node: Node) -> None:
        old = _listening(node)
        node.run(f"{change} && kill -HUP $(pgrep -o -x sshd)")
        node.wait("sshd", lambda: _listening(node) not in ("", old))

    return run


def _listening(node: Node) -> str:
    """The sockets of port 22 that listen; "" for none."""
    return node.run("awk '$4 == \"0A\" && $2 ~ /:0016$/ {print $10}' /proc/net/tcp*").stdout


def _fill(node: Node, folder: str, left_mib: int = 0) -> None:
    free = f"$(($(df --output=avail -B1 {folder} | tail -n 1) - ({left_mib} << 20)))"
    fill = f"head -c {free} /dev/zero" if left_mib else "cat /dev/zero"
    node.run(f"{fill} > {folder}/filler", check=bool(left_mib))


# Engines

ENGINE_NEVER_READY = _told(
    "engine never ready",
    "The server's engines start, and do not get ready: their ranks do not join.",
    "engine_never_ready",
    _SERVERS,
)
ENGINE_READY_LATE = _told(
    "engine ready late",
    "The server's engines take so many seconds to get ready once they are started.",
    "ready_delay",
    _SERVERS,
)
ENGINE_NOT_PREPARED = _told(
    "engine not prepared",
    "The server's engines refuse to be prepared for a stop: `dmg system stop` fails before it.",
    "prep_fails",
    _SERVERS,
)
ENGINE_STOPS_SLOWLY = _told(
    "engine stops slowly",
    "The server's engines take so many seconds to end once they are told to.",
    "stop_delay",
    _SERVERS,
)
SERVER_LISTENS_LATE = _told(
    "server listens late",
    "The server's daos_server runs for so many seconds before it listens and starts its engines.",
    "listen_delay",
    _SERVERS,
)
ENGINE_DIES = Fault(
    "engine dies",
    "The server's oldest engine is killed: the others exclude its rank, and pools degrade.",
    _command("pkill -KILL -o -x daos_engine"),
    roles=_SERVERS,
)

# Agents

FOREIGN_AGENT = Fault(
    "foreign agent",
    "Somebody runs a daos_agent that its unit has not started, beside that of the unit.",
    _command("setsid runuser -u daos_agent -- daos_agent > /dev/null 2>&1 < /dev/null &"),
    _command(
        "own=$(systemctl show --property MainPID daos_agent.service); kill $(pgrep -x daos_agent |"
        ' grep -vx "${{own#MainPID=}}")'
    ),
    _CLIENTS,
)

# Packages

PACKAGES_FAIL = _told(
    "packages fail",
    "No DAOS package can be installed: the transaction fails.",
    "rpm_fails",
)
TRANSACTION_PAUSES = _told(
    "transaction pauses",
    "The package transaction stands still for so many seconds in the middle: the new `daos` is"
    " installed, the package of the role not yet, and nothing old is removed.",
    "rpm_delay",
)

FOREIGN_REPOSITORY = Fault(
    "foreign repository",
    "A repository that nobody checks, and that the package manager prefers, is defined as well.",
    _command(
        "folder=/etc/yum.repos.d; command -v zypper >/dev/null && folder=/etc/zypp/repos.d;"
        " mkdir -p $folder && printf '[%s]\\nname=site\\nbaseurl=%s\\nenabled=1\\ngpgcheck=0\\n"
        "priority=1\\ntype=rpm-md\\n' aaa-site {baseurl} > $folder/aaa-site.repo"
    ),
    _command("rm -f /etc/yum.repos.d/aaa-site.repo /etc/zypp/repos.d/aaa-site.repo"),
)

# Power and connections

# By name, since a simulated node has them as a container has.
_POWER_OFF, _POWER_ON, _SHUT_DOWN = map(methodcaller, ("kill", "start", "stop"))
POWER_LOST = Fault(
    "power lost",
    "The node loses its power, and gets it back where it is mended.",
    _POWER_OFF,
    _POWER_ON,
)
SWITCHED_OFF = Fault(
    "switched off",
    "The node is shut down in good order, and switched on where it is mended.",
    _SHUT_DOWN,
    _POWER_ON,
)
REBOOT = Fault("reboot", "The node reboots.", methodcaller("restart"))
SSH_CUT = Fault(
    "ssh cut",
    "All SSH connections to the node are lost; new ones can be made.",
    _command("pkill -KILL -f '^sshd: .*@'"),
)
SSH_SILENT = Fault(
    "ssh silent",
    "The node gives no answer, as one that hangs: SSH connections stay, and nothing comes.",
    _command("pkill -STOP -x sshd"),
    _command("pkill -CONT -x sshd"),
)
ONE_SESSION = Fault(
    "one session",
    "The node lets one SSH connection have one session at a time.",
    _sshd("sed -i.kept 's/^MaxSessions.*/MaxSessions 1/' /etc/ssh/sshd_config"),
    _sshd("mv /etc/ssh/sshd_config.kept /etc/ssh/sshd_config"),
)
LOGIN_PRINTS = Fault(
    "login prints",
    "The login scripts of the administrator print, at the beginning and at the end of every"
    " session, and not in UTF-8.",
    _command(
        r"printf '%b' 'echo Quota exceeded; printf \"\\377 no\"\ntrap \"echo bye\" EXIT\n'"
        " > ~ops/.bashrc && chown ops ~ops/.bashrc"
    ),
    _command("rm -f ~ops/.bashrc"),
)

# Disks and files

DISK_SMALL = Fault(
    "disk small",
    "A folder, with what is in it, lies on a file system of its own of so many MiB.",
    _command(
        "cp -a {folder} /root/small && mount -t tmpfs -o size={mib}m tmpfs {folder}"
        " && cp -a /root/small/. {folder}/"
    ),
    _command(
        "rm -rf /root/small && cp -a {folder} /root/small && umount {folder} && rm -rf {folder}/*"
        " && cp -a /root/small/. {folder}/ && rm -r /root/small"
    ),
)
DISK_FULL = Fault(
    "disk full",
    "The file system of a folder is full, or has only so many MiB left.",
    _fill,
    lambda node, folder, left_mib=0: node.run(f"rm -f {folder}/filler"),
)
FILE_REPLACED = Fault(
    "file replaced",
    "A file says something else, and what it said is beside it as .kept: a configuration or a"
    " program that is not what it should be.",
    _command(
        "mv {path} {path}.kept && cp -L --preserve=mode {path}.kept {path}"
        " && printf %s {text} > {path}"
    ),
    _command("mv {path}.kept {path}"),
)
_DROP_IN = "/etc/systemd/system/daos_server.service.d"
STARTS_TAKEN_BACK = Fault(
    "starts taken back",
    "A drop-in of the site's takes back all that a unit file and the drop-ins before it have"
    " daos_server do before it starts.",
    _command(
        f"mkdir -p {_DROP_IN} && printf '[Service]\\nExecStartPre=\\nExecStartPre=/bin/true\\n'"
        f" > {_DROP_IN}/{{file}} && systemctl daemon-reload"
    ),
    _command(f"rm {_DROP_IN}/{{file}}; rmdir --ignore-fail-on-non-empty {_DROP_IN}"),
    _SERVERS,
)
_SITE_UNIT = "site-jobs.service"
PULLED_IN = Fault(
    "pulled in",
    "A unit of the site's, which starts at boot, has another one start with it, enabled or not.",
    _command(
        "printf '[Unit]\\nWants=%s\\n[Service]\\nType=oneshot\\nExecStart=/bin/true\\n"
        "[Install]\\nWantedBy=multi-user.target\\n' {unit} > /etc/systemd/system/"
        f"{_SITE_UNIT} && systemctl daemon-reload && systemctl enable {_SITE_UNIT}"
    ),
    _command(
        f"systemctl disable {_SITE_UNIT} && rm /etc/systemd/system/{_SITE_UNIT}"
        " && systemctl daemon-reload"
    ),
)
FILE_MISSING = Fault(
    "file missing",
    "A file, for one a program, is not where it should be.",
    _command("mv {path} {path}.kept"),
    _command("mv {path}.kept {path}"),
)

ALL = tuple(thing for thing in list(globals().values()) if isinstance(thing, Fault))
