"""The limit of open files on the machine where the command is typed: each connection is one.

Where there are more nodes than files may be open, paramiko and gevent fail in the middle of things.
"""

import resource
from collections.abc import Iterator

from pyinfra.api import State
from pyinfra.connectors.ssh import SSHConnector

from ..rules.findings import Finding

_OWN = 64  # what Python has open, the log, the report, pipes of hooks
# With ProxyCommand a connection is the process of a command, and two pipes to it.
_EACH = 3


def findings(state: State) -> Iterator[Finding]:
    """More nodes than may be connected to; as many as may be are made possible first."""
    nodes = sum(issubclass(host.connector_cls, SSHConnector) for host in state.inventory)
    allowed = _raised(_OWN + _EACH * nodes)
    if allowed < _OWN + nodes:
        yield Finding(
            "too-few-files",
            (),
            f"{nodes} nodes take as many connections, and no more than {allowed} files may be open "
            f"at a time here: type `ulimit -n {_OWN + _EACH * nodes}` as root and the command in "
            "that shell, or raise `nofile` in /etc/security/limits.conf and log in again",
        )


def _raised(wanted: int) -> int:
    """How many files may be open, once the limit is as high as it may be, or as is wanted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    possible = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
    return possible
