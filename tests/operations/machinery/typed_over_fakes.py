"""A procedure typed over a cluster of fake hosts: the real command, in a process of its own."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from tests.lab.typed import Typed

from ..fake_cluster import RESOLVED, ROOT, members, node_answer

_PATIENCE = 60  # seconds for a command to say something
SITE = {"s1": ("servers",), "a1": ("admins",), "c1": ("clients",)}

PROCEDURE = """
import gevent
from operations import report
from operations.examine import UPDATE, _of_the_nodes, begin, leading, summary
from operations.machinery.prompt import ask
from operations.machinery.step import step, verify

@step("servers", looks=True)
def works(current, here):
    yield verify(current, lambda: gevent.sleep({seconds}))
    yield verify(current, lambda: open("went-on", "w").write("x") and None)

def look(current):
    print("examining", flush=True)
    found = _of_the_nodes(current)
    if {asks}:
        print("asking", flush=True)
        answer = ask("Type a name: ")
        open("answer", "w").write(answer)
    return found

begin(leading(UPDATE), look, summary)
works(name="works")
report.completed(name="Look at all nodes once more")
"""


def type_it(
    folder: Path,
    *flags: str,
    seconds: float = 60,
    delay: float = 0.01,
    typed: str | None = "",
    asks: bool = False,
    procedure: str = PROCEDURE,
    node: tuple[str, dict[str, Any]] | None = None,
    release: str = "2.0.3",
) -> Typed:
    """Type a procedure with one step over a fake cluster, whose nodes take a while to answer.

    With -v it says when a step begins.

    + node: one that is there in the place of each
    + release: what is installed on all
    """
    for name in ("config.py", "operations", "group_data"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "deploy.py").write_text(procedure.format(seconds=seconds, asks=asks))
    groups = {role: [node or _node(name, delay, release)] for name, (role,) in SITE.items()}
    (folder / "inventory").write_text("\n".join(f"{k} = {v!r}" for k, v in groups.items()))
    environment = {**os.environ, "PYINFRA_PROGRESS": "off"}
    return Typed(["inventory", "deploy.py", *flags, "-v"], folder, environment, typed)


def _node(name: str, delay: float, release: str) -> tuple[str, dict[str, Any]]:
    answers = {
        "--assumeno": RESOLVED,
        "== packages": node_answer(name, release, SITE[name]),
        "dmg -j system query": members(["s1"]),
        "dmg -j pool list": '{"response": {"status": 0, "pools": []}, "error": null, "status": 0}',
    }
    return f"@fake/{name}", {"fake_delay": delay, "fake_responses": answers}


def ended(command: Typed, said: str) -> tuple[int, str]:
    said += command.read(timeout=60)
    return command.wait(), said


def until(command: Typed, words: str) -> str:
    """What it prints up to the first line with these words."""
    said = ""
    timer = threading.Timer(_PATIENCE, command.kill)
    timer.start()
    try:
        for line in command.stdout:
            said += line
            if words in line:
                return said
    finally:
        timer.cancel()
    raise AssertionError(f"it ended without {words!r}:\n{said}")
