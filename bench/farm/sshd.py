"""One SSH server for all nodes of a farm: who logs in as a node is at that node.

`python sshd.py SOCKET FOLDER`, in the environment of the benchmark: it writes its port to
FOLDER/port and its key to FOLDER/host_key.pub. It hands each command to whoever listens at SOCKET.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import asyncssh


class Nodes:
    """The nodes, at the other end of the socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._numbers = itertools.count()
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def hear(self) -> None:
        """Hand out the answers, until there are no more."""
        while line := await self._reader.readline():
            answer = json.loads(line)
            asked = self._asked.pop(answer["number"], None)
            if asked and not asked.done():
                asked.set_result(answer)

    def tell(self, node: str, **what: Any) -> int:
        """Send something to a node; it has this number."""
        number = next(self._numbers)
        self._writer.write(json.dumps({"number": number, "node": node, **what}).encode() + b"\n")
        return number

    async def ask(self, node: str, line: str) -> dict[str, Any]:
        """What a node answers to a command: `code`, `out` and `err`."""
        asked: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[self.tell(node, line=line)] = asked
        return await asked


class Login(asyncssh.SSHServer):
    """Anybody with a key is let in: it binds to loopback, and what is behind it is simulated."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes, self._node = nodes, ""

    def begin_auth(self, username: str) -> bool:
        self._node = username
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._nodes.tell(self._node, closed=True)


async def main(socket: str, folder: Path) -> None:
    """Serve until the nodes are gone."""
    nodes = Nodes(*await asyncio.open_unix_connection(socket, limit=1 << 26))

    async def run(process: asyncssh.SSHServerProcess[str]) -> None:
        answer = await nodes.ask(process.get_extra_info("username"), process.command or "")
        process.stdout.write(answer["out"])
        process.stderr.write(answer["err"])
        process.exit(answer["code"])

    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        backlog=1024,
        server_host_keys=[key],
        server_factory=lambda: Login(nodes),
        process_factory=run,
        errors="surrogateescape",
        login_timeout=0,
    )
    key.write_public_key(folder / "host_key.pub")
    (folder / "port.new").write_text(str(server.get_port()))
    (folder / "port.new").rename(folder / "port")
    await nodes.hear()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
