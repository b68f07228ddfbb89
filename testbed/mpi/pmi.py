"""A process of a parallel job as MPICH's mpirun starts it: its rank, and how it meets the others.

mpirun's proxy on the node answers PMI-1 on the descriptor PMI_FD: a command a line, `cmd=NAME` and
`key=value` words. Source: the simple PMI of MPICH (src/pmi/simple), as libmpich itself speaks it.
"""

import base64
import os
from collections.abc import Mapping

_VALUE = 1000  # bytes of a value that are sent at once; a proxy takes up to 1024


class JobError(Exception):
    """The processes of the job cannot talk to each other."""


class Job:
    """The parallel job that this process belongs to; it may be the only one.

    + environment: what mpirun has set: PMI_RANK, PMI_SIZE and PMI_FD; without them it is alone
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.rank = int(environment.get("PMI_RANK", 0))
        self.size = int(environment.get("PMI_SIZE", 1))
        self._descriptor = int(environment.get("PMI_FD", -1))
        self._heard = b""
        self._rounds = 0
        if self.size > 1 and self._descriptor < 0:
            raise JobError("PMI_SIZE is set, but not PMI_FD; was this started by MPICH's mpirun?")
        if self._descriptor >= 0:
            self._ask("init pmi_version=1 pmi_subversion=1", "response_to_init")
            self._space = self._ask("get_my_kvsname", "my_kvsname")["kvsname"]

    def barrier(self) -> None:
        """Wait until all processes of the job are here."""
        if self._descriptor >= 0:
            self._ask("barrier_in", "barrier_out")

    def gather(self, said: bytes) -> list[bytes]:
        """Give what each process of the job has said, in the order of their ranks.

        All of them have to call this, as often as each other.
        """
        if self._descriptor < 0:
            return [said]
        self._rounds += 1
        text = base64.urlsafe_b64encode(said).decode().rstrip("=")
        parts = [text[at : at + _VALUE] for at in range(0, len(text), _VALUE)]
        self._put(f"{self._rounds}-{self.rank}-count", str(len(parts)))
        for number, part in enumerate(parts):
            self._put(f"{self._rounds}-{self.rank}-{number}", part)
        self.barrier()
        return [self._said_by(rank) for rank in range(self.size)]

    def end(self) -> None:
        """Take leave of mpirun, which would otherwise take this process for one that crashed."""
        if self._descriptor >= 0:
            self._ask("finalize", "finalize_ack")
            os.close(self._descriptor)
            self._descriptor = -1

    def _said_by(self, rank: int) -> bytes:
        count = int(self._get(f"{self._rounds}-{rank}-count"))
        text = "".join(self._get(f"{self._rounds}-{rank}-{number}") for number in range(count))
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    def _put(self, key: str, value: str) -> None:
        self._ask(f"put kvsname={self._space} key={key} value={value}", "put_result")

    def _get(self, key: str) -> str:
        return self._ask(f"get kvsname={self._space} key={key}", "get_result")["value"]

    def _ask(self, command: str, expected: str) -> dict[str, str]:
        """Send a command and give the words of its answer."""
        rest = f"cmd={command}\n".encode()
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            line = self._line()
        except OSError as error:
            raise JobError(f"mpirun's proxy cannot be reached: {error}") from None
        words = dict(word.split("=", 1) for word in line.split() if "=" in word)
        if words.get("cmd") != expected or words.get("rc", "0") != "0":
            raise JobError(f"mpirun's proxy answered {line!r} to {command.split()[0]}")
        return words

    def _line(self) -> str:
        while b"\n" not in self._heard:
            more = os.read(self._descriptor, 4096)
            if not more:
                raise JobError("mpirun's proxy has closed the connection")
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode()
