"""What it costs the coordinator to update a farm, beside `clush` for the same steps.

`python -m bench.farm.measured SERVERS,ADMINS,CLIENTS` measures one size; it needs no container.
With `alone` clush is left out.
"""

from __future__ import annotations

import json
import os
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from testbed.exploration.cases import ROLES, Host, simple
from testbed.exploration.play import Site

ROOT = Path(__file__).parents[2]
_SSHD = ROOT / ".venv-bench" / "bin" / "python"
_AT_ONCE = 256  # nodes, for both
_PATIENCE = 120  # seconds until a farm has to be there
# The same steps by hand, on all nodes of these roles; of a line that none of them knows nothing is
# done, so what it says does not matter.
_STEPS = (
    ("", "rpm -q daos daos-server daos-client; systemctl is-active daos_server daos_agent"),
    ("", "tee /etc/yum.repos.d/daos.repo"),
    ("", "dnf -y --downloadonly upgrade 'daos*-2.0.3*'"),
    ("", "systemctl disable daos_server daos_agent"),
    ("clients", "systemctl stop daos_agent"),
    ("admins", "dmg system stop"),
    ("servers", "systemctl stop daos_server"),
    ("", "dnf -y -C upgrade 'daos*-2.0.3*'"),
    ("servers", "systemctl start daos_server"),
    ("admins", "dmg system query"),
    ("clients", "systemctl start daos_agent"),
    ("", "systemctl enable daos_server daos_agent"),
    ("clients", "daos container list tank"),
    ("", "rpm -q daos daos-server daos-client; systemctl is-active daos_server daos_agent"),
)


@dataclass(frozen=True)
class Cost:
    """What one size costs.

    + nodes: how many
    + update, again: processor seconds of the coordinator, for the update and for the same command
      typed once more
    + clush, expert: the same of clush, as documented and with one connection a node for all steps;
      None where that was not measured
    + commands: how many the update has sent, of all nodes
    + memory: MiB at most, of the update
    + longest: seconds of the longest step of the update, and of the longest of clush if that was
      measured
    """

    nodes: int
    update: float
    again: float
    clush: float | None
    expert: float | None
    commands: int
    memory: float
    longest: tuple[float, float | None]


@dataclass(frozen=True)
class _Used:
    processor: float
    memory: float
    seconds: float


def measured(servers: int, admins: int, clients: int, clush: bool = True) -> Cost:
    """Update one farm. Raises CalledProcessError where that fails.

    + clush: whether it is measured as well, which takes longer
    """
    hosts = simple(servers, admins, clients)
    site = Site(ROOT)
    with _farm((servers, admins, clients)) as (folder, port):
        inventory = _inventory(folder, hosts, port)
        typed = (str(Path(sys.executable).with_name("pyinfra")), str(inventory), "deploy.py", "-y")
        settings = ("--data", "target_release=2.0.3")
        update = _used([*typed, *settings], site.path)
        commands = int((folder / "nodes.commands").read_text())
        steps = [it for it in site.report()["phases"] if it["end"]]
        longest = max(_seconds(it["start"], it["end"]) for it in steps)
        again = _used([*typed, *settings], site.path)
        by_hand = _typed(folder, hosts, port) if clush else []
        shared = _typed(folder, hosts, port, _SHARED) if clush else []
        kept = _of_kept_connections(folder)
    return Cost(
        nodes=len(hosts),
        update=update.processor,
        again=again.processor,
        clush=sum(it.processor for it in by_hand) if clush else None,
        expert=sum(it.processor for it in shared) + kept if clush else None,
        commands=commands,
        memory=update.memory,
        longest=(longest, max(it.seconds for it in by_hand) if clush else None),
    )


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


@contextmanager
def _farm(size: Sequence[int]) -> Iterator[tuple[Path, int]]:
    """A farm that is there: the folder with its keys, and the port that it listens at."""
    with tempfile.TemporaryDirectory(prefix="daos-farm-") as name:
        folder = Path(name)
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")]
        subprocess.run(make, check=True)
        words = [sys.executable, "-m", "bench.farm.nodes", *map(str, size), str(folder / "nodes")]
        nodes = subprocess.Popen(words, cwd=ROOT, preexec_fn=_as_many_files_as_can_be)
        served = None
        try:
            _until((folder / "nodes").exists, nodes)
            words = [str(_SSHD), str(Path(__file__).with_name("sshd.py")), str(folder / "nodes")]
            served = subprocess.Popen([*words, name], preexec_fn=_as_many_files_as_can_be)
            _until((folder / "port").exists, served)
            yield folder, int((folder / "port").read_text())
        finally:
            for process in filter(None, (served, nodes)):
                process.send_signal(signal.SIGKILL)
                process.wait()


def _as_many_files_as_can_be() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _until(there: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not there():
        if process.poll() is not None or time.monotonic() > deadline:
            raise subprocess.CalledProcessError(process.poll() or 1, process.args)
        time.sleep(0.05)


def _inventory(folder: Path, hosts: Sequence[Host], port: int) -> Path:
    """An inventory file of the farm; no ssh_config, which pyinfra reads anew for each node."""
    key = (folder / "host_key.pub").read_text().split()[:2]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {' '.join(key)}\n")
    data = {
        "ssh_hostname": "127.0.0.1",
        "ssh_port": port,
        "ssh_key": str(folder / "key"),
        "ssh_known_hosts_file": str(folder / "known_hosts"),
    }
    lines = [f"_data = {data!r}\n"]
    for role in ROLES:
        names = [host.name for host in hosts if role in host.roles]
        lines.append(f"{role} = [(name, {{**_data, 'ssh_user': name}}) for name in {names!r}]\n")
    path = folder / "farm.py"
    path.write_text("".join(lines))
    return path


_SHARED = "-o ControlMaster=auto -o ControlPersist=600 -o ControlPath={folder}/%%r"


def _typed(folder: Path, hosts: Sequence[Host], port: int, more: str = "") -> list[_Used]:
    """What each step costs that is typed by hand; arguments as of `_clush`."""
    return [_used(words, folder) for words in _clush(folder, hosts, port, more)]


def _clush(folder: Path, hosts: Sequence[Host], port: int, more: str) -> Iterator[list[str]]:
    """The steps as they are typed.

    + more: options of ssh
    """
    options = (
        f"-p {port} -i {folder}/key -o UserKnownHostsFile={folder}/known_hosts -o LogLevel=ERROR"
    )
    options += f" {more.format(folder=folder)}"
    (folder / "config").write_text(
        "".join(f"Host {it.name}\n  HostName 127.0.0.1\n  User {it.name}\n" for it in hosts)
    )
    clush = str(Path(sys.executable).with_name("clush"))
    for role, line in _STEPS:
        names = ",".join(it.name for it in hosts if not role or role in it.roles)
        words = [clush, "-S", "-q", "-f", str(_AT_ONCE), "-w", names]
        yield [*words, "-o", f"-F {folder}/config {options}", f"sudo -n sh -c {shlex.quote(line)}"]


def _of_kept_connections(folder: Path) -> float:
    """Processor seconds of the processes of ssh that keep connections, which nobody waits for."""
    ticks = 0
    for found in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if found.with_name("cmdline").read_bytes().startswith(f"ssh: {folder}/".encode()):
                ticks += sum(map(int, found.read_text().rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _used(words: Sequence[str], folder: Path) -> _Used:
    """What a command and all that it starts use. Raises CalledProcessError."""
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        process = subprocess.Popen(
            words, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            print(output.read().decode(errors="replace")[-4000:], file=sys.stderr)
            raise subprocess.CalledProcessError(process.returncode, words[:4])
        seconds = time.monotonic() - began
    return _Used(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, seconds)


if __name__ == "__main__":
    servers, admins, clients = map(int, sys.argv[1].split(","))
    found = measured(servers, admins, clients, clush="alone" not in sys.argv[2:])
    print(json.dumps(asdict(found)))
