"""Every command that is built takes what came from outside for words, whatever shell reads it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from operations import lock, packages
from operations.daos import dmg_1_0, mount_points, start_trace, window_file
from operations.daos.node import script
from operations.daos.units import Units
from operations.machinery import dependencies
from operations.machinery.connections import text
from operations.machinery.framing import framed
from operations.migration import backup, check, formatting, restore, settled
from operations.migration.conversion import Change, _write
from operations.migration.copying import destination, jobs, mounts
from operations.migration.record import backed_up, memory
from operations.migration.record.record import Container, Pool

from .fake_nodes import RECORD
from .from_outside import EVIL, MADE

UUID = "0000000a-0000-0000-0000-000000000000"
HOST: Any = SimpleNamespace(name="c1")


class _Asked(Exception):
    """Enough was seen."""


def told(do: Callable[[Any], object], evil: str) -> str:
    """The command that code gives a node, for a site that is set up with evil names."""
    lines: list[str] = []

    def command(host: object, line: str, timeout: int = 0) -> Any:
        lines.append(line)
        raise _Asked

    def ask(line: str, timeout: int = 0) -> Any:
        return command(None, f"dmg -j {line}")

    node = SimpleNamespace(hostname=evil, version=None)
    pool = Pool(UUID, evil, (1, 1))
    start = SimpleNamespace(node=lambda name: node, groups={"clients": ("c1",)}, ranks=(0,))
    current = SimpleNamespace(
        command=command,
        host=lambda name: HOST,
        dmg=SimpleNamespace(ask=ask, admin=HOST),
        start=start,
        seen=SimpleNamespace(nodes={}),
        site=SimpleNamespace(
            backup_path=f"/b/{evil}",
            mpirun=evil,
            dcp=evil,
            libioil=evil,
            copy_processes=1,
            clients=("c1",),
            copy_clients=("c1",),
        ),
        migration=SimpleNamespace(
            system=evil, pools=[pool], token="token", pool=lambda uuid: pool, containers=[]
        ),
    )
    try:
        do(current)
    except _Asked:
        return lines[0]
    raise AssertionError("nothing was asked")


CONTAINER = Container(UUID, UUID, "POSIX")

# By what it is about: what builds the command, given a name from outside.
BUILT: dict[str, Callable[[str], str]] = {
    "a record": lambda evil: window_file.save(
        replace(RECORD, pools={evil: evil}, servers=(evil,), units={evil: evil}, release=evil)
    ),
    "the trace of a start": lambda evil: start_trace.laid(evil, unit=evil),
    "no trace any more": lambda evil: start_trace.lifted(evil),
    "a trace that is handed over": lambda evil: start_trace.handed_over(evil),
    "a look": lambda evil: script(Units(evil, evil), [evil]),
    "a mount of a user's": lambda evil: mount_points.unmounted(f"/{evil}"),
    "the lock": lambda evil: lock._HOLD.format(who=shlex.quote(evil)),
    "dmg of 1.0": lambda evil: dmg_1_0.line("pool list", evil),
    "a repository": lambda evil: packages._defined("/etc/yum.repos.d", evil),
    "a configuration": lambda evil: _write(
        Change("daos_server.yml", after=evil, difference="", source="daos_server.yml")
    ),
    "a file": lambda evil: memory.writing(f"/b/{evil}/x", evil.encode(errors="replace"))[0],
    "its end": lambda evil: memory.writing(f"/b/{evil}/x", b"")[-1],
    "a pool": lambda evil: f"dmg {restore.create_line(Pool(UUID, evil, (1, 1)), 1)}",
    "a container": lambda evil: told(
        lambda current: restore._create_container(
            current, HOST, UUID, replace(CONTAINER, label=evil)
        ),
        evil,
    ),
    "hosts to format": lambda evil: told(
        lambda current: formatting._storage_format(current, evil), evil
    ),
    "hosts to look at": lambda evil: told(lambda current: settled._silent(current, evil), evil),
    "a mount": lambda evil: told(lambda current: mounts.mount(current, HOST, UUID, UUID), evil),
    "the destination": lambda evil: told(lambda current: destination.look(current, HOST), evil),
    "a folder of the backup": lambda evil: told(
        lambda current: backup._prepare(current, HOST, f"/b/{evil}/c/data"), evil
    ),
    "what is there": lambda evil: told(
        lambda current: check._already(current, HOST, CONTAINER), evil
    ),
    "a probe": lambda evil: told(lambda current: destination._probe(current, HOST), evil),
    "manifests": lambda evil: told(
        lambda current: backed_up._manifests(current, [CONTAINER]), evil
    ),
    "a job": lambda evil: told(
        lambda current: jobs._ask_tool(current, HOST, "start", evil, "--", evil), evil
    ),
    "what is installed": lambda evil: dependencies.asked(["daos"]),
}
SHELLS = ["sh", "bash", "dash"]
LOGIN_SHELLS = ["sh", "bash", "tcsh", "fish"]  # of whoever logs in, to whom sudo is typed
_PROGRAMS = (
    *("awk", "base64", "chmod", "chown", "cp", "daos", "dd", "dfuse", "dmg", "find", "findmnt"),
    *("flock", "fusermount3", "grep", "head", "ls", "mkdir", "mktemp", "mount", "mv", "python3"),
    *("readlink", "rm", "rmdir", "rpm", "setpriv", "sha256sum", "stat", "sync", "systemctl"),
    *("tail", "tee", "timeout", "umount", "hostname", "df", "getent", "sort", "cut", "sed", "seq"),
)


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    """A folder to be in, and beside it one of programs that do nothing, but for `touch`."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in _PROGRAMS:
        (programs / name).symlink_to(shutil.which("true") or "")
    (programs / "touch").symlink_to(shutil.which("touch") or "")
    inside = tmp_path / "inside"
    inside.mkdir()
    return inside


@pytest.mark.parametrize("about", BUILT)
@pytest.mark.parametrize("number", range(len(EVIL)))
def test_nothing_happens_but_what_was_meant(sandbox: Path, about: str, number: int) -> None:
    line = BUILT[about](EVIL[number])
    # Where it would write to this machine, it writes there.
    for folder in ("/var/lib", "/etc", "/run", "/b/"):
        line = line.replace(folder, f"{sandbox}/no{folder}")
    line = line.replace("/proc/", f"{sandbox}/no/proc/")
    within = f"/bin/sh -c {shlex.quote(framed(line))}"
    for shell, given in [*((it, line) for it in SHELLS), *((it, within) for it in LOGIN_SHELLS)]:
        done = subprocess.run(
            [shutil.which(shell) or shell, "-c", given.encode("utf-8", "surrogateescape")],
            cwd=sandbox,
            env={"PATH": str(sandbox.parent / "bin")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert not (sandbox / MADE).exists(), given
        said = text(done.stderr).lower()
        assert not any(it in said for it in ("syntax error", "unexpected", "unmatched")), said
