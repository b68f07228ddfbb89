"""After a run that did not get to its end: what state the system is in, and what to do now."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress

from gevent import Timeout
from pyinfra.api import Host
from pyinfra.api.exceptions import ConnectError

from . import cluster
from .cluster import ROLES, View
from .findings import fold
from .nodes import AGENT, SERVER, Node
from .run import Run

_PATIENCE = 30  # seconds for a last look at all nodes


def look_once_more(current: Run) -> View:
    """The cluster after the run; as it was seen last where it cannot be looked at any more.

    pyinfra has ended all connections by now, so new ones are made.
    """
    state = current.state
    if state.pool is not None:
        state.pool.kill()  # after Ctrl-C, nothing that was under way goes on once we are connected
    try:
        return _look(current)
    except SystemExit:  # of the Ctrl-C that ended the run: gevent hands it to whoever waits next
        return _look(current)


def _look(current: Run) -> View:
    state = current.state
    try:
        with Timeout(_PATIENCE):
            hosts = [host for host in state.activated_hosts if host.name in current.seen.nodes]
            cluster.at_once(hosts, _reconnect)
            state.failed_hosts.clear()  # whatever failed there, it may well answer
            return cluster.read(state, current.left_out)
    except (Timeout, KeyboardInterrupt, Exception):
        return current.seen


def _reconnect(host: Host) -> None:
    """Not by Host.connect: that says "Connected" once more, after the last word of the run."""
    with suppress(ConnectError):
        host.connector.connect()
        host.connected = True


def state_of(view: View) -> Iterator[str]:
    """What state the system is in, in lines for a person."""
    nodes = view.of(*ROLES)
    yield f"DAOS {_serves(view)}"
    versions: dict[str, list[str]] = {}
    for name, node in nodes.items():
        versions.setdefault(str(node.version or "half of a transaction"), []).append(name)
    yield "packages: " + "; ".join(f"{v} on {fold(on)}" for v, on in sorted(versions.items()))
    held = [name for name, node in nodes.items() if node.record]
    if held:
        yield f"started by no reboot until this is finished: {fold(held)}"
    if view.silent:
        yield f"gave no answer: {fold(view.silent)}"


def _serves(view: View) -> str:
    servers, agents = view.of("servers"), _with_agent(view.of(*ROLES))
    running = [name for name, node in servers.items() if node.engines]
    idle_agents = [name for name, node in agents.items() if not node.runs(AGENT)]
    waiting = [name for name, node in servers.items() if node.runs(SERVER) and not node.engines]
    if not running and not view.stopped:
        return "may serve or not: no engine is seen, and not every server answers"
    if not running:
        left = f"; daos_server still runs on {fold(waiting)}" if waiting else ""
        return f"is stopped: no engine runs{left}"
    if len(running) == len(servers) and not idle_agents:
        return "serves: engines run on every server, and every agent runs"
    where = "every server" if len(running) == len(servers) else fold(running) + " alone"
    agents_off = f", daos_agent is stopped on {fold(idle_agents)}" if idle_agents else ""
    return f"serves in part: engines run on {where}{agents_off}"


def _with_agent(nodes: dict[str, Node]) -> dict[str, Node]:
    return {
        name: node
        for name, node in nodes.items()
        if node.runs(AGENT) or node.at_boot(AGENT) or (node.record and AGENT in node.record.running)
    }


def what_next(view: View, may_go_back: bool, go_on: str = "") -> Iterator[str]:
    """What is safe to do now, and what to type.

    + may_go_back: whether no engine has been started on the new release yet
    + go_on: the command that goes on, "" for the same one again
    """
    if view.stopped:
        yield (
            "The data is at rest, and it is safe to leave it so, to mend nodes and to reboot them. "
            "Start nothing of DAOS by hand"
        )
    yield f"To go on, mend what is named above, if anything is, and type: {go_on or typed()}"
    if may_go_back and view.records:
        yield f"To go back to the release of before, type: {typed('deploys/rollback.py')}"


def typed(deploy: str | None = None) -> str:
    """The command that was typed; with another deploy file in it if one is given."""
    words: Iterable[str] = sys.argv[1:]
    if deploy:
        words = [deploy if word.endswith(".py") else word for word in words]
    return shlex.join(["pyinfra", *words])
