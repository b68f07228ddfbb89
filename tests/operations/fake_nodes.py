"""Nodes as a look at them would find them: idle, serving, a client; and what one remembers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from operations.daos.node import AGENT, SERVER, Node, Service
from operations.daos.window_file import Record

RUNNING = Service(running=True, state="enabled")
IDLE = Node(
    hostname="node-1",
    os="rhel 8.5",
    packages={"daos": ("2.0.1-1.el8",)},
    services={SERVER: Service(), AGENT: Service()},
)
SERVING = replace(IDLE, services={SERVER: RUNNING, AGENT: Service()}, engines=(7,))
CLIENT = replace(IDLE, services={SERVER: Service(), AGENT: RUNNING})
RECORD = Record(
    began=datetime(2026, 11, 22, tzinfo=UTC),
    release="2.0.1",
    enabled=(),
    running=(),
    ranks=(),
    pools={},
    servers=(),
    started="",
)


def at(release: str, node: Node = IDLE, **more: Any) -> Node:
    """A node with the packages of a release."""
    return replace(node, packages={"daos": (f"{release}-1.el8",)}, **more)
