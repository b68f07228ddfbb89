"""The nodes of a farm, simulated: `python -m bench.farm.nodes SERVERS ADMINS CLIENTS SOCKET`.

Their time is virtual, so no node takes any: what is measured is who talks to them. A command that
comes from this project is answered as in any simulation; one that is typed by hand does nothing and
has gone well, since all that counts of it is what it costs to send. How many have come stands in
SOCKET.commands.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_JOINED = "Joined\n"  # what who types by hand waits for


def main(servers: int, admins: int, clients: int, path: str) -> None:
    """Answer who connects to the socket, until it goes."""
    from testbed.simulation import process

    process.load(ROOT)
    from gevent import socket, spawn
    from gevent.lock import Semaphore

    from testbed.simulation import build, connector, waiting

    cluster = build.simple(servers, admins, clients)
    connector.cluster = cluster
    connector.broken = _broken

    class Served(waiting.Waiting):
        """Where nothing is left to happen, somebody may still ask something."""

        def _end(self) -> None:
            self._watcher.stop()

        def goes_on(self) -> None:
            """Somebody has asked something."""
            self._watcher.start(self._idle)

    now = waiting.now = Served(cluster.clock)
    now.begin()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"{path}.new")
    listening.listen(1)
    Path(f"{path}.new").rename(path)
    connection, _ = listening.accept()
    one_by_one = Semaphore()
    commands, counted = 0, os.open(f"{path}.commands", os.O_CREAT | os.O_WRONLY)

    def answered(number: int, name: str, line: str) -> None:
        said = _answer(cluster.nodes[name], line)
        with one_by_one:  # what is long goes in parts
            connection.sendall(json.dumps({"number": number, **said}).encode() + b"\n")

    for text in connection.makefile("rb"):
        asked = json.loads(text)
        if asked.get("closed"):
            if node := cluster.nodes.get(asked["node"]):
                node.drop_connections()
        else:
            commands += 1
            os.pwrite(counted, str(commands).encode(), 0)
            spawn(answered, asked["number"], asked["node"], asked["line"])
        now.goes_on()


def _answer(node: Any, line: str) -> dict[str, Any]:
    """What a node answers to what came over SSH."""
    from testbed.simulation import connector

    words = shlex.split(line)
    if not words or not words[-1].startswith("eval "):
        return {"code": 0, "out": _JOINED, "err": ""}
    begin, asked, end = connector._unframed(words[-1])
    try:
        call = connector._Call(node, node.connection, asked, float("inf"))
        answer, _ = call.answer()
    except connector.Unknown as unknown:
        _broken(str(unknown))
    except connector.Lost:
        return {"code": 255, "out": "", "err": ""}
    return {
        "code": answer.code,
        "out": f"\n{begin}\n{answer.out}\n{end}\n",
        "err": f"\n{begin}\n{answer.err}\n{end}\n",
    }


def _broken(why: str) -> None:
    raise SystemExit(f"a command that the simulation does not know: {why}")


if __name__ == "__main__":
    servers, admins, clients = map(int, sys.argv[1:4])
    main(servers, admins, clients, sys.argv[4])
