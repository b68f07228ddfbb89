"""The process that forks for each dmg: what its forks have of their callers, and how all ends.

/usr/bin/dmg itself is C, and needs a lab (tests/lab/lifecycle); here Python calls as it does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from testbed.sim.dmg import warm

from ...lab.waiting import eventually, waits

ROOT = Path(__file__).parents[3]

# What a cold start does, with a command that tells what it has.
_COLD = f"""
import os, sys, time
sys.path.insert(0, {str(ROOT)!r})
from testbed.sim.common import release
from testbed.sim.dmg import warm
release._FILE = sys.argv[1]

def run(argv):
    argv = argv[1:]  # without the script of the caller
    print(os.getpid(), os.getppid(), flush=True)
    if argv == ["hang"]:
        time.sleep(600)
    if argv == ["crash"]:
        raise ValueError("crashed")
    print(argv, os.getcwd(), dict(os.environ), sys.stdin.read(), sep="|")
    print("to stderr", file=sys.stderr)
    return 3

warm.keep(run)
"""

# What packages/files/dmg.c does.
_CALLER = """
import signal, socket, sys
for number in (signal.SIGINT, signal.SIGHUP):  # a shell's `&` and nohup put them off
    signal.signal(number, signal.SIG_DFL)
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as warm:
    try:
        warm.connect(chr(0) + "lab-dmg-" + open("VERSION").read().strip())
        socket.send_fds(warm, [b"-"], [0, 1, 2])
        taken = warm.recv(1)
    except OSError:
        taken = b""
    sys.exit(ord(warm.recv(1) or b"?") if taken else 99)
"""
NOT_TAKEN = 99


class Warm:
    """The warm process of a release that no other test has, and its callers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.version = folder / "VERSION"
        self.version.write_text(f"{folder}\n"[-60:])
        (folder / "caller.py").write_text(_CALLER)
        self.start_cold()
        self.pid = self.parent_of_a_fork()

    def start_cold(self) -> None:
        subprocess.run(
            [sys.executable, "-c", _COLD, self.version, "system", "query"],
            stdin=subprocess.DEVNULL,
            capture_output=True,  # which waits for all who hold these pipes
            cwd=self.folder,
            timeout=60,
            check=True,
        )

    def parent_of_a_fork(self) -> int:
        return int(self.call()[0].split()[1])

    def start(self, *argv: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "caller.py", *argv],
            cwd=self.folder,
            env={"COLOUR": "green"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, *argv: str, stdin: str = "") -> tuple[str, str, int]:
        caller = self.start(*argv)
        out, err = caller.communicate(stdin, timeout=60)
        return out, err, caller.returncode


def alive(pid: int) -> bool:
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Warm]:
    process = Warm(tmp_path)
    yield process
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)


def test_a_fork_has_all_that_its_caller_has(process: Warm) -> None:
    out, err, code = process.call("-c", "", "two words", stdin="typed")
    argv = ["-c", "", "two words"]
    told = f"{argv}|{process.folder}|{{'COLOUR': 'green'}}|typed\n"
    assert out.partition("\n")[2] == told
    assert err == "to stderr\n"
    assert code == 3


def test_a_fork_that_crashes_says_why(process: Warm) -> None:
    _, err, code = process.call("crash")
    assert "ValueError: crashed" in err
    assert code == 1


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_fork_dies_with_its_caller(process: Warm, end: signal.Signals) -> None:
    caller = process.start("hang")
    assert caller.stdout is not None
    fork = int(caller.stdout.readline().split()[0])
    assert alive(fork)
    eventually(lambda: waits(caller.pid))
    caller.send_signal(end)
    caller.communicate(timeout=60)  # until nobody holds its files
    eventually(lambda: not alive(fork))
    assert process.call("again")[2] == 3


def test_it_holds_nothing_of_the_first_caller(process: Warm) -> None:
    proc = Path(f"/proc/{process.pid}")
    assert (proc / "cwd").readlink() == Path("/")
    assert os.getsid(process.pid) == process.pid
    files = {(link.name, str(link.readlink())) for link in (proc / "fd").iterdir()}
    assert {name for name, path in files if path == os.devnull} == {"0", "1", "2"}
    assert len(files) == 4  # and where it listens


def test_it_does_not_look_like_a_dmg(process: Warm) -> None:
    proc = Path(f"/proc/{process.pid}")
    assert (proc / "comm").read_bytes().strip() == warm.NAME
    assert (proc / "cmdline").read_bytes().strip(b"\0") == warm.NAME


def test_it_ends_when_other_packages_are_installed(process: Warm) -> None:
    new = process.folder / "new"
    new.write_text(process.version.read_text())
    new.rename(process.version)
    assert process.call("now")[2] == NOT_TAKEN
    eventually(lambda: not alive(process.pid))


def test_it_ends_when_its_package_is_removed(process: Warm) -> None:
    process.version.unlink()
    eventually(lambda: not alive(process.pid))


def test_a_second_cold_start_leaves_the_first_one_there(process: Warm) -> None:
    process.start_cold()
    assert process.parent_of_a_fork() == process.pid
