"""One container of a running lab: commands in it, power and reboot, its log."""

import contextlib
import io
import shlex
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass

import docker.errors
from docker.models.containers import Container

from testbed.lab import engine
from testbed.lab.errors import LabError
from testbed.lab.nodes import LabNode
from testbed.lab.shell import Gone, Shell

SSH_PORT = 22
EVENT_LOG = "/var/log/daos-lab/events.jsonl"


@dataclass(frozen=True)
class Result:
    """What a command on a node gave."""

    command: str
    exit_code: int
    stdout: str
    stderr: str


class Machine:
    """A container of the lab: a node, or the package repository."""

    def __init__(self, name: str, started: engine.Started) -> None:
        self.name = name
        self.started = started
        self._engine = started.container.get_docker_client().client.api
        self._shells: dict[str, list[Shell]] = {}

    @property
    def container(self) -> Container:
        return self.started.container.get_wrapped_container()

    @property
    def container_name(self) -> str:
        """Its name for the engine, as in `docker exec`."""
        return str(self.container.name)

    def port(self, inside: int) -> int:
        """The loopback port that leads to a port of this machine."""
        return self.started.ports[inside]

    def run(self, command: str, check: bool = True, user: str = "root") -> Result:
        """Run a shell command on this machine, by the engine and not by SSH.

        Raises LabError if it exits other than 0 and `check` is set, or if the machine is off.
        """
        try:
            result = Result(command, *self._do(command, user))
        except (docker.errors.APIError, Gone) as error:
            why = getattr(error, "explanation", "it went down")
            raise LabError(f"{self.name}: cannot run {_short(command)}: {why}") from None
        if check and result.exit_code != 0:
            said = (result.stderr or result.stdout).strip()
            what = f"{self.name}: {_short(command)} exited with {result.exit_code}"
            raise LabError(f"{what}: {said}\n{self.log_tail()}")
        return result

    def _do(self, command: str, user: str) -> tuple[int, str, str]:
        """In a shell that is free and still there, or in a new one. Raises APIError, Gone."""
        free = self._shells.setdefault(user, [])
        while True:
            is_new = not free
            shell = Shell(self._engine, self.container_name, user) if is_new else free.pop()
            try:
                done = shell.run(command)
            except Gone:
                shell.close()
                if is_new:
                    raise
            else:
                free.append(shell)
                return done

    def hang_up(self) -> None:
        """End its shells."""
        for shells in self._shells.values():
            while shells:
                shells.pop().close()

    def wait(self, what: str, check: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until `check` is true; raises LabError, naming `what`, if it stays false."""
        deadline = time.monotonic() + seconds
        while not check():
            if time.monotonic() > deadline:
                late = f"{what} did not happen within {seconds:.0f} s"
                raise LabError(f"{self.name}: {late}\n{self.log_tail()}")
            time.sleep(0.1)

    def read(self, path: str) -> str:
        """The text of a file on this machine, which may be off; "" if there is none."""
        with contextlib.suppress(LabError):
            shown = self.run(f"cat {shlex.quote(path)}", check=False)
            if shown.exit_code in (0, 1):  # 1: there is none
                return shown.stdout
        try:
            chunks, _ = self.container.get_archive(path)
        except docker.errors.NotFound:
            return ""
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            content = archive.extractfile(archive.getmembers()[0])
            return content.read().decode() if content else ""

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of what its PID 1 and its DAOS services printed."""
        tails = [f"--- {self.name}: log"]
        with contextlib.suppress(docker.errors.APIError):
            tails.append(self.container.logs(tail=lines).decode(errors="replace").rstrip())
        for unit in ("daos_server", "daos_agent"):
            text = self.read(f"/var/log/journal-lab/{unit}.service.log")
            if text:
                tails.append(f"--- {self.name}: {unit}")
                tails.extend(text.splitlines()[-lines:])
        return "\n".join(line for line in tails if line)


class Node(Machine):
    """A node of the lab."""

    def __init__(self, spec: LabNode, started: engine.Started) -> None:
        super().__init__(spec.name, started)
        self.spec = spec
        self.note: Callable[..., None] = lambda event, **details: None  # see Lab.note

    @property
    def roles(self) -> frozenset[str]:
        return self.spec.roles

    @property
    def ssh_port(self) -> int:
        return self.port(SSH_PORT)

    def stop(self) -> None:
        """Shut the node down, as `poweroff` would."""
        self.container.stop(timeout=20)

    def kill(self) -> None:
        """Take the power away."""
        self.container.kill()
        self.note("power-lost", node=self.name)

    def start(self) -> None:
        """Switch the node on, and wait until one can log in."""
        self.container.start()
        self.wait_for_ssh()

    def restart(self) -> None:
        """Reboot the node, and wait until one can log in."""
        self.container.restart(timeout=20)
        self.wait_for_ssh()

    def wait_for_ssh(self) -> None:
        """Wait until sshd answers on the node's loopback port; raises LabError if it does not."""
        self.wait("an answer of sshd", lambda: engine.says(self.ssh_port, b"SSH-"))


def _short(command: str) -> str:
    first, *rest = command.strip().splitlines() or [""]
    return f"`{first[:100]}{' ...' if rest or len(first) > 100 else ''}`"
