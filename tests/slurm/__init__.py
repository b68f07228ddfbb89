"""Slurm and a chat as the examples of hooks meet them: a stand-in, and a real HTTP server."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def environment(folder: Path, nodes: list[str]) -> dict[str, str]:
    """What a command has in its environment to find a Slurm with these nodes, kept in a folder."""
    (folder / "nodes").write_text("\n".join(nodes))
    return {"PATH": f"{FOLDER}:{os.environ['PATH']}", "SLURM_STAND_IN": str(folder)}


def reservations(folder: Path) -> dict[str, Any]:
    """Those that there are, by their names."""
    kept = folder / "reservations"
    return json.loads(kept.read_text()) if kept.exists() else {}


@contextmanager
def chat(status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """A chat's incoming webhook: its address, and what it is told."""
    told: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing is written."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hooks/secret", told
        finally:
            server.shutdown()
            thread.join()
