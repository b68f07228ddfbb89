"""Who has typed the command, from where: for the one who has to explain it the next morning."""

import getpass
import os
import pwd
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_ASKS_SSH = ("SSH_CONNECTION", "SSH_CLIENT")


def who() -> dict[str, str]:
    """Who runs this, as it stands in report.json.

    + user: as whom it runs
    + login: who that was when they logged in, before sudo or su; "" where that is not known
    + host: where it was typed
    + client: the address that they have logged in from by SSH; "" where they have not
    + folder: where it was typed
    """
    with suppress(OSError, KeyError):
        user = getpass.getuser()
        return {
            "user": user,
            "login": _login(user),
            "host": socket.gethostname(),
            "client": _client(),
            "folder": str(Path.cwd()),
        }
    return dict.fromkeys(("user", "login", "host", "client", "folder"), "")


def _login(user: str) -> str:
    if name := os.environ.get("SUDO_USER"):
        return name
    with suppress(OSError, ValueError, KeyError):  # of a login that is not known it is -1
        return pwd.getpwuid(int(Path("/proc/self/loginuid").read_text())).pw_name
    return user


def _client() -> str:
    """sudo takes the variables away; a process above it has them still."""
    for environment in (dict(os.environ), *_above(os.getpid())):
        for name in _ASKS_SSH:
            if said := environment.get(name, "").split():
                return said[0]
    return ""


def _above(pid: int) -> Iterator[dict[str, str]]:
    """The environments of the processes that have started this one, the nearest first."""
    with suppress(OSError, ValueError, IndexError):
        while True:
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2]
            if (pid := int(stat.split()[1])) <= 1:
                return
            with suppress(OSError):
                text = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
                yield dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)
