"""What a run needs of sshd on every node: several sessions in one connection."""

from contextlib import ExitStack

from paramiko import ChannelException, SSHException
from pyinfra.api import Host, State
from pyinfra.connectors.ssh import SSHConnector

from ..machinery import hosts
from ..rules.findings import Finding, for_each
from ..rules.view import View

# On one node at the same time: the lock that keeps other runs away, a look, and a command.
_NEEDED = 3
_PATIENCE = 10  # seconds for each session


def few(state: State, view: View) -> list[Finding]:
    """Nodes whose sshd does not let a run have the sessions that it needs.

    + view: the nodes; those that gave no answer are not asked
    """
    asked = [state.inventory.get_host(name) for name in view.of()]
    said = hosts.at_once(asked, _problem)
    return for_each("few-sessions", ((host.name, problem) for host, problem in said.items()))


def _problem(host: Host) -> str | None:
    client = host.connector.client if isinstance(host.connector, SSHConnector) else None
    transport = client.get_transport() if client else None
    if not transport:
        return None
    with ExitStack() as stack:
        for opened in range(_NEEDED):
            try:
                session = transport.open_session(timeout=_PATIENCE)
            except ChannelException:
                return (
                    f"sshd lets one connection have {opened} sessions, and a run needs {_NEEDED}: "
                    "set MaxSessions to 10, the default, in /etc/ssh/sshd_config there, and type "
                    "`systemctl reload sshd`"
                )
            except (SSHException, EOFError):
                return None  # the connection is gone, which the next look tells
            stack.callback(session.close)
    return None
