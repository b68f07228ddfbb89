"""daos_agent: tells a client node's applications where the system is, over a unix socket.

It also notices applications that end without closing their pools, and closes these for them.
"""

import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

from ..common import config, events, notify, options, release
from ..common.wire import AGENT, Closed, Wire

_DEADLINE = 20.0  # seconds for the management service to answer


def main(argv: list[str]) -> int:
    """[-o FILE]; `daos_agent version`. Returns 0 after SIGTERM, 1 where it could not start."""
    if "version" in argv[:1]:
        print(f"daos_agent version {release.installed()}")
        return 0
    path = options.config_file(argv, config.AGENT)
    try:
        agent = Agent(config.agent(path, release.installed()))
        listener = _listen()
    except (config.BadConfig, OSError) as error:
        print(f"ERROR: daos_agent: {error}", flush=True)
        return 1
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    events.record("daos_agent", "start", version=release.installed())
    who = f"DAOS Agent v{release.installed()} (pid {os.getpid()})"
    print(f"{who} listening on {AGENT}", flush=True)
    notify.ready()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=agent.serve, args=(connection,), daemon=True).start()


def _listen() -> socket.socket:
    path = Path(AGENT)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(AGENT)
    path.chmod(0o777)  # every user's applications ask it
    listener.listen(128)
    return listener


def _end(*_: Any) -> None:
    Path(AGENT).unlink(missing_ok=True)
    events.record("daos_agent", "stop", version=release.installed())
    print("shutting down", flush=True)
    os._exit(0)


class Agent:
    """What the agent does for one connection after the other."""

    def __init__(self, settings: config.ControlConfig) -> None:
        self._settings = settings
        self._version = release.installed()

    def serve(self, connection: socket.socket) -> None:
        """Answer an application until it is gone; then close the pools that it left open."""
        wire = Wire(connection)
        handles: set[str] = set()
        try:
            while True:
                wire.send(**self._answer(wire.receive(), handles))
        except Closed:
            wire.close()
        for handle in handles:
            self._ask("pool-disconnect", handle=handle)

    def _answer(self, request: dict[str, Any], handles: set[str]) -> dict[str, Any]:
        op = request["op"]
        if op == "opened":
            handles.add(request["handle"])
            return {}
        if op == "closed":
            handles.discard(request["handle"])
            return {}
        if op in ("attach-info", "pools"):
            return {"agent": self._version, **self._ask(op)}
        return {"error": f"unknown request {op}"}

    def _ask(self, op: str, **arguments: Any) -> dict[str, Any]:
        from ..protocol import management  # with gRPC, which would make the agent's start slower

        try:
            service = management.Management(self._settings.hosts, _DEADLINE)
            return dict(service.ctl(op, **arguments))
        except (management.Unreachable, management.ServiceError) as error:
            return {"error": str(error)}
