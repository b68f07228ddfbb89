"""What pyinfra's connections do otherwise than a run over many nodes needs; config.py mends it."""

from collections.abc import Callable
from functools import wraps
from getpass import getpass
from typing import Any
from weakref import WeakKeyDictionary

import paramiko.file
from pyinfra.api import Host
from pyinfra.api.exceptions import ConnectError, DeployError, PyinfraError
from pyinfra.connectors import ssh, ssh_util
from pyinfra.connectors.sshuserclient.config import SSHConfig

from . import host_keys
from .progress import shown

# Why nodes could not be connected to, as it came up last.
why: WeakKeyDictionary[Host, str] = WeakKeyDictionary()


def mend() -> None:
    """Have connections behave; config.py calls this before the first is made."""
    # paramiko would raise in the greenlet that reads, and the rest of the answer would be lost.
    paramiko.file.u = text  # type: ignore[attr-defined]
    ssh.execute_command_with_sudo_retry = _without_asking  # type: ignore[assignment]
    ssh_util.getpass = _passphrase  # type: ignore[assignment]
    _wrap(ssh.SSHConnector, "connect", _failing_as_a_connection)
    _wrap(SSHConfig, "lookup", _jumping_nowhere)
    host_keys.mend()


def _wrap(kind: type, name: str, wrapper: Callable[[Any], Any]) -> None:
    method = getattr(kind, name)
    if not hasattr(method, "__wrapped__"):  # else it is mended already
        setattr(kind, name, wrapper(method))


def text(content: bytes | str) -> str:
    """What a node printed; bytes that are no UTF-8 are written as `\\xff`."""
    return content.decode(errors="backslashreplace") if isinstance(content, bytes) else content


def _without_asking(host: Any, arguments: Any, execute: Callable[[], Any]) -> Any:
    """Where sudo wants a password that nobody has typed before, the command has failed.

    pyinfra would ask for one at any time, for hours, with DAOS stopped.
    """
    return execute()


def _passphrase(prompt: str) -> str:
    if not host_keys.somebody_is_there():
        raise PyinfraError("the key has a passphrase: add it to ssh-agent, or set ssh_key_password")
    with shown.paused():
        return getpass(prompt)


def _failing_as_a_connection(connect: Callable[[Any], None]) -> Callable[[Any], None]:
    """Whatever comes up while a node is connected to is about that node, and ends no run."""

    @wraps(connect)
    def connected(self: Any) -> None:
        try:
            if self.data["ssh_connect_retries"] < 0:  # it would never give up
                raise ConnectError("ssh_connect_retries is below 0: say how often to try again")
            connect(self)
        except ConnectError as problem:
            why[self.host] = str(problem.args[0]) if problem.args else ""
            if refused := host_keys.of(problem):
                host_keys.refused[self.host] = refused
            raise
        except RecursionError as problem:
            why[self.host] = "ProxyJump leads in a circle: see `ssh -G` and ~/.ssh/config"
            raise ConnectError(why[self.host]) from problem
        except Exception as problem:
            why[self.host] = f"{type(problem).__name__}: {problem}"
            raise ConnectError(why[self.host]) from problem
        else:
            host_keys.refused.pop(self.host, None)

    return connected


def _jumping_nowhere(lookup: Callable[..., Any]) -> Callable[..., Any]:
    """`ProxyJump none` means none; pyinfra takes it for the name of a host."""

    @wraps(lookup)
    def found(self: SSHConfig, hostname: str) -> Any:
        options = lookup(self, hostname)
        if options.get("proxyjump", "").lower() == "none":
            del options["proxyjump"]
        return options

    return found


def confirming(ask: Callable[[str], bool]) -> Callable[[str], bool]:
    """pyinfra's question before it acts, where nobody can answer it: nothing is done, and told so.

    + ask: asks, and says whether to go on
    """

    def confirmed(message: str) -> bool:
        try:
            return ask(message)
        except EOFError as problem:
            raise DeployError(
                "Nothing was done: nobody is there to press Enter. Type -y, which asks nothing"
            ) from problem

    return confirmed
