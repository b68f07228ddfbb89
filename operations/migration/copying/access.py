"""Root's way in for mpirun: a key from the client that starts a copy to the others, for that copy.

The key is made on that client and never leaves it. The others let it in from there alone, once, and
start by it nothing but what mpirun starts (see `entrance` of the tool). No standing trust is asked
for; where a site has some, it stays as it is.
"""

import re
from typing import Any

from pyinfra import logger
from pyinfra.api import Host

from ...machinery.hosts import at_once
from ..record import memory
from ..run import MigrationRun
from . import copiers, jobs
from .copiers import CopyError

FOLDER = "/run/daos-offline-update/login"
LAUNCHER = f"{FOLDER}/ssh"  # that of mpirun, beside the key
_CONFIG = f"{FOLDER}/config"
_KNOWN = f"{FOLDER}/known_hosts"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PUBLIC = re.compile(r"[a-z0-9@.-]+ [A-Za-z0-9+/]+=*")

_ANY = f"""\
Host *
    User root
    IdentityFile {FOLDER}/key
    IdentitiesOnly yes
    IdentityAgent none
    PreferredAuthentications publickey
    BatchMode yes
    StrictHostKeyChecking yes
    UserKnownHostsFile {_KNOWN}
    GlobalKnownHostsFile /dev/null
    CheckHostIP no
    ClearAllForwardings yes
    ConnectTimeout 30
    ConnectionAttempts 3
"""


def let_in(current: MigrationRun) -> list[str]:
    """Let root in from the first client to the others that copy; options of the tool for that.

    The key stays until `shut`; each client takes it back itself as soon as it was used there.
    Raises CopyError where that cannot be, and nothing is left then.
    """
    first, *others = copiers.hosts(current)
    if not others:
        return []
    try:
        _let_in(current, first, others)
    except CopyError:
        shut(current)
        raise
    return ["--launcher", LAUNCHER]


def _let_in(current: MigrationRun, first: Host, others: list[Host]) -> None:
    names = {host: _name(current, host) for host in (first, *others)}
    to = [word for host in others for word in ("--to", names[host])]
    makes = ["login", "make", FOLDER, "--mpirun", current.site.mpirun, *to]

    def ask(host: Host) -> dict[str, Any]:
        words = makes if host == first else ["login", "describe", FOLDER]
        return jobs.ask(current, host, *words)

    told = at_once([first, *others], ask)
    made = told[first]
    known = {names[host]: _known(host, told[host]) for host in others}
    problem = _write(current, first, known)
    if problem:
        raise CopyError(problem)

    def admit(host: Host) -> dict[str, Any]:
        words = ["login", "admit", FOLDER, "--name", names[first], "--key", made["public"]]
        for option, values in (
            ("--source", made["sources"][names[host]]),
            ("--control", made["mpirun"]),
            ("--program", made["programs"]),
        ):
            words += [word for value in values for word in (option, value)]
        return jobs.ask(current, host, *words)

    at_once(others, admit)


def _write(
    current: MigrationRun, first: Host, known: dict[str, tuple[int, list[str]]]
) -> str | None:
    """Write what ssh goes by on the client that starts copies; else what went wrong."""
    keys = "".join(f"{name} {key}\n" for name, (_, found) in known.items() for key in found)
    places = "".join(
        f"Host {name}\n    Port {port}\n    HostKeyAlias {name}\n"
        for name, (port, _) in known.items()
    )
    return memory.put(current, first, _KNOWN, keys.encode()) or memory.put(
        current, first, _CONFIG, f"{places}{_ANY}".encode()
    )


def _name(current: MigrationRun, host: Host) -> str:
    """What a client calls itself. Raises CopyError where that could be more than a name."""
    name = current.start.node(host.name).hostname
    if not _NAME.fullmatch(name):
        raise CopyError(f"{host.name} calls itself {name!r}, which is no name of a host")
    return name


def _known(host: Host, told: dict[str, Any]) -> tuple[int, list[str]]:
    """The port and the host keys of a client's sshd."""
    keys = [key for key in told["keys"] if _PUBLIC.fullmatch(key)]
    if not keys:
        raise CopyError(f"{host.name} tells no host key of its sshd: see `sshd -T` there")
    return int(told["port"]), keys


def shut(current: MigrationRun) -> None:
    """Take back what `let_in` has left, also of a run that was killed; say where that fails.

    Where a copy still runs, which may not have started everywhere, it stays for whoever follows it.
    """
    first, *others = copiers.hosts(current)
    if others:
        try:
            words = ["login", "withdraw", FOLDER]
            if not jobs.ask(current, first, *words, "--jobs", jobs.FOLDER)["copying"]:
                at_once(others, lambda host: jobs.ask(current, host, *words))
        except CopyError as problem:
            logger.warning(
                f"{problem}. A line of root's authorized_keys there may end in daos-offline-update-"
                "copy: it starts nothing but what mpirun starts, once, and the next run removes it"
            )
