"""A job goes on by itself, is found again, and leaves nothing behind when it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from operations.migration.copying import bundle

from .trees import told

# Says its number, waits until somebody writes into a FIFO, then copies.
CP = '#!/bin/sh\nPATH={path}\necho $$ > {folder}/cp; read line < {folder}/go\nexec cp "$@"\n'


class Tool:
    """The packed tool, beside a cp that waits to be let go."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.job = folder, folder / "job"
        (folder / "migrate.pyz").write_bytes(bundle.pack())
        (folder / "source").mkdir()
        (folder / "source" / "a").write_text("contents")
        (folder / "bin").mkdir()
        path = os.environ["PATH"]
        (folder / "bin" / "cp").write_text(CP.format(path=path, folder=folder))
        (folder / "bin" / "cp").chmod(0o755)
        os.mkfifo(folder / "go")
        self.environment = {**os.environ, "PATH": f"{folder / 'bin'}:{path}"}
        target = str(folder / "target")
        self.copy = ["copy", "--from", str(folder / "source"), "--to", target, "--way", "serial"]

    def __call__(self, *words: str) -> dict[str, Any]:
        ran = subprocess.run(
            [sys.executable, self.folder / "migrate.pyz", *words],
            stdout=subprocess.PIPE,
            env=self.environment,
            timeout=60,
        )
        answer: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
        return answer

    def start(self, *words: str) -> dict[str, Any]:
        return self("job", "start", str(self.job), "--", *(words or self.copy))

    def poll(self, *words: str) -> dict[str, Any]:
        return self("job", "poll", str(self.job), *words)

    def go(self) -> None:
        (self.folder / "go").write_text("\n")

    def cp(self) -> int:
        """The process number of cp, as soon as there is one."""
        path = self.folder / "cp"
        wait(lambda: path.exists() and path.read_text().endswith("\n"))
        number = int(path.read_text())
        path.unlink()
        return number


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    return Tool(tmp_path)


def test_a_job_runs_detached_is_found_again_and_ends(tool: Tool) -> None:
    assert tool.poll()["state"] == "none"
    assert tool.start() == {"running": True, "attached": False, "command": tool.copy}
    tool.cp()
    assert tool.start("survey", "/") == {"running": True, "attached": True, "command": tool.copy}
    running = tool.poll()
    assert (running["state"], running["exit"], running["result"]) == ("running", None, None)
    tool.go()
    ended = tool.poll("--wait", "30")
    assert (ended["state"], ended["exit"], ended["result"]["copied_files"]) == ("done", 0, 1)
    assert ended["progress"]["phase"] == "comparing"
    assert told(tool.folder / "target") == told(tool.folder / "source")


def test_a_job_that_is_stopped_ends_with_all_it_started(tool: Tool) -> None:
    tool.start()
    copier = tool.cp()
    assert tool("job", "stop", str(tool.job)) == {"stopped": True, "state": "failed"}
    assert not lives(copier)
    ended = tool.poll()
    assert (ended["exit"], ended["result"]) == (
        2,
        {"error": "it was stopped; the same command goes on"},
    )
    assert tool("job", "stop", str(tool.job)) == {"stopped": False, "state": "failed"}


def test_a_job_that_is_killed_is_gone_and_so_is_what_it_started(tool: Tool) -> None:
    tool.start()
    copier = tool.cp()
    job = json.loads((tool.job / "command.json").read_text())["process"]
    os.kill(job, signal.SIGKILL)
    wait(lambda: not lives(copier))
    assert tool.poll()["state"] == "gone"
    assert not tool.start()["attached"]
    tool.cp()
    tool.go()
    wait(lambda: tool.poll()["state"] == "done")
    assert told(tool.folder / "target") == told(tool.folder / "source")


def test_a_job_that_fails_says_why(tool: Tool) -> None:
    tool.start("survey", str(tool.folder / "nowhere"))
    wait(lambda: tool.poll()["state"] != "running")
    ended = tool.poll()
    assert (ended["state"], ended["exit"]) == ("failed", 2)
    assert ended["result"]["error"].endswith("nowhere: No such file or directory")


def test_a_job_that_finds_differences_is_done(tool: Tool) -> None:
    data = tool.folder / "source"
    tool("manifest", str(data), "--out", str(tool.folder))
    (data / "a").write_text("other")
    tool.start("verify", str(data), "--manifest", str(tool.folder / "manifest.mtree"))
    wait(lambda: tool.poll()["state"] != "running")
    ended = tool.poll()
    assert (ended["state"], ended["exit"]) == ("done", 1)
    assert ended["result"]["differing"]["a"] == ["digest", "size", "time"]


def test_progress_tells_what_is_left(tool: Tool) -> None:
    with (tool.folder / "source" / "z").open("wb") as file:
        file.truncate(1 << 20)
    tool.start()
    tool.cp()
    wait(lambda: (tool.poll()["progress"] or {}).get("phase") == "copying")
    progress = tool.poll()["progress"]
    assert (progress["of_files"], progress["of_bytes"]) == (2, (1 << 20) + 8)
    assert (progress["files"], progress["bytes"]) == (0, 0)
    tool("job", "stop", str(tool.job))
