"""The nodes of a farm answer what comes over SSH as those of any simulation do."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operations.daos import node
from operations.machinery.framing import framed, within

ROOT = Path(__file__).parents[1]


class Farm:
    """What stands in the place of the SSH server."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._answers = connection, connection.makefile("rb")

    def tell(self, **what: Any) -> None:
        self._connection.sendall(json.dumps(what).encode() + b"\n")

    def ask(self, name: str, line: str) -> dict[str, Any]:
        self.tell(number=7, node=name, line=line)
        answer: dict[str, Any] = json.loads(self._answers.readline())
        assert answer["number"] == 7
        return answer

    def typed(self, name: str, line: str) -> tuple[int, str]:
        """A command of this project, as pyinfra sends it."""
        answer = self.ask(name, f"sudo -H -n sh -c {shlex.quote(framed(line))}")
        return answer["code"], within(answer["out"]) or ""


@pytest.fixture(name="farm")
def _farm(tmp_path: Path) -> Iterator[Farm]:
    path = tmp_path / "nodes"
    words = [sys.executable, "-m", "bench.farm.nodes", "1", "1", "1", str(path)]
    process = subprocess.Popen(words, cwd=ROOT)
    try:
        while not path.exists():
            assert process.poll() is None
            time.sleep(0.02)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            yield Farm(connection)
    finally:
        process.kill()
        process.wait()


def test_a_node_of_a_farm_says_what_it_has_and_does_what_it_is_told(farm: Farm) -> None:
    look = f"sh -c {shlex.quote(node.script())}"

    def seen() -> node.Node:
        code, said = farm.typed("daos-server-01", look)
        assert code == 0
        return node.parse(said.split("\n"))

    assert seen().runs(node.SERVER)
    assert farm.typed("daos-server-01", "systemctl stop daos_server.service")[0] == 0
    assert not seen().runs(node.SERVER)
    # Its time is virtual, and passes as soon as nobody asks anything.
    assert farm.typed("daos-server-01", "systemctl start daos_server.service")[0] == 0
    deadline = time.monotonic() + 60
    while not seen().engines:
        assert time.monotonic() < deadline


def test_what_is_typed_by_hand_does_nothing_and_has_gone_well(farm: Farm) -> None:
    assert farm.ask("daos-client-01", "sudo -n sh -c 'systemctl stop daos_agent'")["code"] == 0
    farm.tell(number=8, node="daos-client-01", closed=True)
    code, said = farm.typed("daos-client-01", f"sh -c {shlex.quote(node.script())}")
    assert code == 0
    assert node.parse(said.split("\n")).runs(node.AGENT)
