"""dmg system erase and dmg storage format on a simulated cluster.

No procedure of 2.x types them; one that is wrong may. What a simulated pool holds has no files, so
storage that is wiped tells of none.
"""

from __future__ import annotations

from typing import Any

from testbed.sim.common import ranges
from testbed.sim.dmg import output_storage as output

from .clients import Failed, answer
from .management import Management
from .node import Node
from .shell import Session, phrase

_ERASE, _FORMAT = "system erase", "storage format"
_AVAILABLE = ("ready", "joined")
_RUNNING = (
    'client: code = 508 description = "storage format invoked on a running system"',
    'client: code = 508 resolution = "stop and erase the system, then retry the format operation"',
)
_FORMATTED = "storage already formatted and reformat not requested (--force)"
_SILENT = "the server does not answer"


@phrase("dmg -j system erase", "")
def _erase(session: Session) -> int:
    def erase(management: Management) -> None:
        running = [m.rank for m in management.system.members.values() if m.state in _AVAILABLE]
        if running:
            many = f"{len(running)} rank{'s' * (len(running) > 1)}"
            which = ranges.folded(running, brackets=False)
            raise Failed(f"system erase requires the following {many} to be stopped: {which}")
        management.erase()

    return answer(session, _ERASE, erase)


@phrase("dmg -j storage format", "( --force)?")
def _format(session: Session, force: str | None) -> int:
    cluster = session.node.cluster

    def form(_: Any) -> Any:
        if cluster.management.leader:
            raise Failed(_RUNNING[0], advice=_RUNNING[1])
        done: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for node in cluster.servers:
            problem = formatted(node, bool(force))
            if problem:
                errors[node.name] = problem
            else:
                done[node.name] = {"scm": len(node.server.engines), "nvme": 0}
        cluster.management.changed()
        response = {"host_errors": output.by_error(errors), "hosts": done}
        if errors:
            many = f"{len(errors)} of {len(cluster.servers)} hosts reported errors"
            raise Failed(many, response)
        return response

    return answer(session, _FORMAT, form, of_the_service=False)


def formatted(node: Node, force: bool) -> str:
    """Format the storage of a server, and start its engines; why it does not, "" where it does."""
    server = node.server
    if not (node.answers and server.listens):
        return _SILENT
    running = [f"engine {engine.index}" for engine in server.engines if engine.pid]
    if running:
        return f"{', '.join(running)}: can't format storage of running instance"
    if not force and any(engine.formatted for engine in server.engines):
        return _FORMATTED
    for engine in server.engines:
        engine.wiped()
        engine.formatted = True
    node.record("daos_server", "format", server.pid, force=force, version=node.version)
    for engine in server.engines:
        engine.begins()
    return ""
