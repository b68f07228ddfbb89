"""Long work on a client: started detached, followed, and found again by the next run."""

import hashlib
import json
import shlex
import time
from collections.abc import Callable
from typing import Any

from pyinfra import logger
from pyinfra.api import Host

from ...machinery import commandline
from ...machinery.output import QUIETLY
from ...machinery.progress import shown
from ...machinery.run import say
from ..record import memory, record
from ..run import MigrationRun
from . import bundle
from .copiers import CopyError

TOOL = f"{record.FOLDER}/migrate.pyz"
# Python keeps there what it has compiled; in a zip it cannot.
UNPACKED = f"{record.FOLDER}/migrate"
FOLDER = "/run/daos-offline-update/jobs"

# Python of the distribution, and the one that dnf brings where it has none of its own.
PYTHON = '"$(command -v python3 || echo /usr/libexec/platform-python)"'

_EVERY = 10.0  # seconds between two lines of progress
_WAIT = "2"  # seconds that the tool waits for the end of a job before it tells how far it is
_LOST = 300  # seconds that a client may give no answer before the run gives up following it
_GIB = 1024**3


def put_tool(current: MigrationRun, client: Host) -> str | None:
    """Put the tool that copies and compares on a client; None if that went well, else what not."""
    content = bundle.pack()
    digest = hashlib.sha256(content).hexdigest()
    done, output, _ = current.command(client, f"test -d {UNPACKED} && sha256sum {TOOL}")
    if done and output.startswith(digest):
        return None
    problem = memory.put(current, client, TOOL, content)
    if problem:
        return problem
    unpack = f"umask 077; rm -rf {UNPACKED} && {PYTHON} -m zipfile -e {TOOL} {UNPACKED}"
    line = f"{unpack} && {PYTHON} {UNPACKED} --help || {{ rm -rf {UNPACKED}; false; }}"
    done, output, errors = current.command(client, line)
    return None if done else f"{TOOL} does not run there: {(errors or output).strip()}"


def run(
    current: MigrationRun, client: Host, name: str, *arguments: str, preload: bool = False
) -> dict[str, Any]:
    """Do a command of the tool on a client, showing how far it is; returns its result.

    Where it runs there already, for an earlier run that was interrupted, it is followed.

    + name: names the job on that client
    + arguments: the command and its arguments, as the tool takes them
    + preload: whether its file operations go through DAOS's interception library

    Raises CopyError. A result that tells of differences is none.
    """
    words = [*arguments, *(["--preload", current.site.libioil] if preload else [])]
    begun = _ask_tool(current, client, "start", f"{FOLDER}/{name}", "--", *words)
    if begun.get("attached"):
        say(f"{client.name}: {arguments[0]} was under way already; following it")
    current.job = f"{arguments[0]} on {client.name}"
    try:
        result = _follow(current, client, name, arguments[0])
    except CopyError:
        current.job = ""
        raise
    current.job = ""
    return result


def under_way(current: MigrationRun, client: Host, name: str) -> bool:
    """Whether a job runs on a client already. Raises CopyError."""
    return bool(_ask_tool(current, client, "poll", f"{FOLDER}/{name}")["state"] == "running")


def stop(current: MigrationRun, client: Host, name: str) -> None:
    """End a job with all its processes. Raises CopyError."""
    _ask_tool(current, client, "stop", f"{FOLDER}/{name}")


def _follow(current: MigrationRun, client: Host, name: str, what: str) -> dict[str, Any]:
    heard = written = time.monotonic()
    while True:
        try:
            answer = _ask_tool(current, client, "poll", f"{FOLDER}/{name}", "--wait", _WAIT)
            heard = time.monotonic()
        except CopyError:
            if time.monotonic() - heard > _LOST:
                raise
            time.sleep(2)
            continue
        if answer["state"] != "running":
            return _result(client, what, answer)
        shown.detail = f"{client.name}: {progress(answer.get('progress') or {})}"
        if time.monotonic() - written > _EVERY:
            logger.info(shown.detail, extra=QUIETLY)
            written = time.monotonic()


def _result(client: Host, what: str, answer: dict[str, Any]) -> dict[str, Any]:
    result = answer.get("result")
    if answer["state"] == "done" and isinstance(result, dict) and "error" not in result:
        return result
    said = (result or {}).get("error") or str(answer.get("log") or "").strip()
    if answer["state"] == "gone":
        said = f"its processes are gone (was the node rebooted?). {said}".strip()
    raise CopyError(
        f"{what} on {client.name} failed: {said or 'it said nothing'}. What it has done stays; "
        f"type the same command again to go on from there: {commandline.typed()}"
    )


def _ask_tool(
    current: MigrationRun, client: Host, verb: str, folder: str, *words: str
) -> dict[str, Any]:
    return ask(current, client, "job", verb, folder, *words)


def ask(current: MigrationRun, client: Host, *words: str) -> dict[str, Any]:
    """What the tool answers on a client to a command that does not take long. Raises CopyError."""
    line = f"{PYTHON} {UNPACKED} {shlex.join(words)}"
    _, output, errors = current.command(client, line)
    lines = output.strip().splitlines()
    try:
        answer = json.loads(lines[-1])
    except (IndexError, ValueError):
        answer = None
    if not isinstance(answer, dict) or (words[:2] != ("job", "poll") and "error" in answer):
        said = (answer or {}).get("error") or errors.strip() or output.strip() or "no answer"
        raise CopyError(
            f"the copy tool on {client.name} did not answer `{' '.join(words[:2])}`: {said}. Type "
            f"the same command again, it goes on from there: {commandline.typed()}"
        )
    return answer


def progress(state: dict[str, Any]) -> str:
    """How far a job is, in words: bytes, files, rate and time left.

    + state: as the tool gives it: phase, files, of_files, bytes, of_bytes, rate (bytes a second)
      and left (seconds)
    """
    parts = [
        _of(state, "bytes", lambda size: f"{size / _GIB:.2f}", "GiB"),
        _of(state, "files", "{:,}".format, "files"),
    ]
    if state.get("rate"):
        parts.append(f"{state['rate'] / 1024**2:.1f} MiB/s")
    if state.get("left") is not None:
        parts.append(f"{_time(float(state['left']))} left")
    return f"{state.get('phase') or 'at work'}: {', '.join(part for part in parts if part)}"


def _of(state: dict[str, Any], key: str, show: Callable[[float], str], unit: str) -> str:
    if state.get(key) is None:
        return ""
    shown = [show(state[name]) for name in (key, f"of_{key}") if state.get(name) is not None]
    return f"{' of '.join(shown)} {unit}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
