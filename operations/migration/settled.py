"""Before anything is erased: every daos_server has stayed up for a while, and answers dmg."""

import shlex
import time

from ..daos import dmg
from ..daos.dmg import DmgError
from ..daos.node import SERVER, Node, Service
from ..daos.node_sets import fold
from .run import MigrationRun

_STAYS = 3.0  # seconds; a configuration that 2.x cannot read ends daos_server at once
_SCAN_TIME = 300  # seconds that all servers may take to answer
_UNTOUCHED = "So nothing was erased: mend what it says, then type the same command again"


def why_not(current: MigrationRun) -> str | None:
    """What has become of a daos_server that was started; None where each serves.

    Erasing goes from server to server, and what is gone on some is gone for all.
    """
    first = current.read().nodes
    since = time.monotonic()
    began = {name: _service(first.get(name)).started for name in current.start.groups["servers"]}
    problem = ""

    def look() -> tuple[bool, str]:
        nonlocal problem
        servers = current.read().of("servers")
        if fallen := sorted(n for n, then in began.items() if not _stays(servers.get(n), then)):
            problem = f"daos_server does not stay up on {fold(fallen)}: journalctl -u daos_server"
            return True, ""
        if time.monotonic() - since < _STAYS:
            problem = "not every daos_server has been up for some seconds"
            return False, problem
        problem = _silent(current, fold(node.hostname for node in servers.values()))
        return not problem, problem

    current.wait("join", look)
    return f"{problem}. {_UNTOUCHED}" if problem else None


def _service(node: Node | None) -> Service:
    return (node and node.services.get(SERVER)) or Service()


def _stays(node: Node | None, began: float) -> bool:
    """Whether a server is up, and by the start that it was seen with first."""
    return node is not None and node.serves(SERVER) and _service(node).started == began


def _silent(current: MigrationRun, hosts: str) -> str:
    """The servers that dmg does not reach, or that answer with an error; "" where there are none.

    Of what every daos_server is asked by itself, this alone looks at no device.
    """
    line = f"network scan -l {shlex.quote(hosts)}"
    answer = current.dmg.ask(line, _SCAN_TIME)
    errors = [f"{hosts}: {error}" for error, hosts in dmg.host_errors(answer).items()]
    try:
        dmg.response(answer)
    except DmgError as failure:
        errors = errors or [str(failure)]
    where = current.dmg.admin.name
    return f"`dmg {line}` on {where} is not answered: {'; '.join(errors)}" if errors else ""
