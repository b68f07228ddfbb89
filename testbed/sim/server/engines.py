"""The engines of one server: processes that daos_server starts, has prepared, and stops."""

import contextlib
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

from ..common import config, events, faults, release
from ..common.wire import Closed, Wire
from ..engine import storage
from .results import rank_result

START_TIMEOUT = 60.0  # seconds for an engine to open its storage
STOP_TIMEOUT = 30.0  # seconds for an engine to end
_PREPARE_TIMEOUT = 10.0  # seconds
_JOIN_PAUSE = 0.3  # seconds after a refusal; the reason may go away


class Upstream(Protocol):
    """What engines need of the rest of daos_server."""

    def join(self, engine: dict[str, Any]) -> int:
        """Have the management service let an engine in; returns its rank, raises Exception."""

    def relay(self, op: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Have the management service do something for an application."""

    def log(self, level: str, text: str) -> None:
        """Write to the server's log."""


class Engine:
    """One engine, running or not, and its storage."""

    def __init__(
        self, settings: config.EngineConfig, provider: str, address: str, upstream: Upstream
    ) -> None:
        self._settings = settings
        self._provider = provider
        self._address = address
        self._upstream = upstream
        self._process: subprocess.Popen[bytes] | None = None
        self._wire: Wire | None = None
        self._changed = threading.Condition()
        self._open = False  # has the running engine opened its storage?
        self._in = False  # and is it in the system?
        self._prepared = False
        self._told_to_end = False
        self._reason = ""  # why it does not run

    # Storage

    @property
    def scm_mount(self) -> str:
        """Where its SCM is mounted."""
        return self._settings.scm_mount

    def scm_bytes(self) -> int:
        """The size of its SCM."""
        return self._settings.scm_bytes

    def formatted(self) -> bool:
        """Does the storage carry a superblock?"""
        return storage.superblock(self._settings.scm_mount) is not None

    def format(self) -> None:
        """Wipe the storage and prepare it for an engine of the installed release."""
        with self._wiping():
            storage.format_mount(self._settings.scm_mount, release.installed())

    def erase(self) -> None:
        """Remove the superblock and everything else."""
        with self._wiping():
            storage.wipe(self._settings.scm_mount)

    @contextlib.contextmanager
    def _wiping(self) -> Iterator[None]:
        """Record what the storage held, and whether somebody has a copy."""
        from ..engine import witness  # seldom needed

        held = witness.held(self._settings.scm_mount)
        yield
        events.record("daos_server", "storage-formatted", index=self._settings.index, **held)

    def rank(self) -> int | None:
        """The rank, None where the engine has never joined."""
        return (storage.superblock(self._settings.scm_mount) or {}).get("rank")

    # The process

    def running(self) -> bool:
        """Is there a process?"""
        return self._process is not None and self._process.poll() is None

    def serves(self) -> bool:
        """Has the process that runs joined the system?"""
        return self._in and self.running()

    def start(self) -> None:
        """Start the process, if none runs; it joins by itself."""
        with self._changed:
            if self.running():
                return
            ours, theirs = socket.socketpair()
            self._open = self._in = self._prepared = self._told_to_end = False
            self._reason = ""
            self._wire = Wire(ours)
            self._process = subprocess.Popen(
                [_program(), *self._arguments(theirs.fileno())], pass_fds=[theirs.fileno()]
            )
            theirs.close()
        threading.Thread(target=self._listen, args=(self._process, self._wire), daemon=True).start()

    def _arguments(self, drpc: int) -> list[str]:
        settings = self._settings
        options = {
            "index": settings.index,
            "targets": settings.targets,
            "port": settings.port,
            "scm-mount": settings.scm_mount,
            "address": self._address,
            "provider": self._provider,
            "drpc": drpc,
        }
        return [word for name, value in options.items() for word in (f"--{name}", str(value))]

    def wait_open(self) -> str:
        """Wait for the engine to open its storage. Returns why it did not, "" where it did."""
        with self._changed:
            self._changed.wait_for(lambda: self._open or not self.running(), START_TIMEOUT)
            if self._open:
                return ""
            return self._reason or "engine did not start"

    def prepare(self) -> str:
        """Have the engine prepare for a shutdown. Returns why it did not, "" where it did."""
        if faults.planted().get("prep_fails"):
            return "DER_TIMEDOUT(-1011): prep shutdown timed out"
        if not self.running() or self._wire is None:
            return "DAOS I/O Engine instance not started or not responding on dRPC"
        with contextlib.suppress(Closed):
            self._wire.send(op="prepare")
        with self._changed:
            if self._changed.wait_for(lambda: self._prepared, _PREPARE_TIMEOUT):
                return ""
        return "prep shutdown timed out"

    def stop(self, force: bool = False) -> str:
        """End the process and wait for that; `force` kills it. Returns why it still runs, or ""."""
        process = self._process
        if process is None:
            return ""
        self._told_to_end = True
        process.send_signal(signal.SIGKILL if force else signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            return f"engine did not stop within {STOP_TIMEOUT:.0f} s"
        return ""

    def tell(self, **message: Any) -> None:
        """Send the engine a message, if it runs: handles that were evicted, data to drop."""
        if self.running() and self._wire is not None:
            with contextlib.suppress(Closed):
                self._wire.send(**message)

    # What the process says

    def _listen(self, process: subprocess.Popen[bytes], wire: Wire) -> None:
        with contextlib.suppress(Closed):
            while True:
                self._hear(process, wire, wire.receive())
        self._ended(process)

    def _hear(self, process: subprocess.Popen[bytes], wire: Wire, message: dict[str, Any]) -> None:
        event = message.pop("event")
        with self._changed:
            if event == "started":
                self._open = True
            elif event == "prepared":
                self._prepared = True
            elif event == "aborted":
                self._reason = message["reason"]
            self._changed.notify_all()
        if event == "started":
            self._in_thread(self._join, process, wire, message)
        elif event == "relay":
            self._in_thread(self._relay, wire, message)

    def _in_thread(self, work: Callable[..., None], *arguments: Any) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _relay(self, wire: Wire, message: dict[str, Any]) -> None:
        result = self._upstream.relay(message["op"], message["arguments"])
        with contextlib.suppress(Closed):
            wire.send(answer=message["number"], result=result)

    def _join(self, process: subprocess.Popen[bytes], wire: Wire, engine: dict[str, Any]) -> None:
        """Join, again and again: a refusal may end when other engines stop."""
        said = ""
        while process.poll() is None:
            try:
                rank = self._upstream.join({**engine, "index": self._settings.index})
            except Exception as error:  # it is logged, and tried again
                if str(error) != said:
                    said = str(error)
                    self._upstream.log("ERROR", f"{self.name}: join failed: {said}")
                time.sleep(_JOIN_PAUSE)
                continue
            self._joined(wire, rank)
            return

    def _joined(self, wire: Wire, rank: int) -> None:
        block = storage.superblock(self._settings.scm_mount)
        if block and block["rank"] != rank:
            storage.write_superblock(self._settings.scm_mount, {**block, "rank": rank})
        with contextlib.suppress(Closed):
            wire.send(op="rank", rank=rank)
        self._in = True
        self._upstream.log("INFO", f"{self.name}: joined the system as rank {rank}")

    def _ended(self, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        with self._changed:
            self._open = False
            self._changed.notify_all()
        how = f"signal: {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        reason = f": {self._reason}" if self._reason else ""
        self._upstream.log("ERROR" if code else "INFO", f"{self.name} exited: {how}{reason}")
        if code < 0 and self._told_to_end and release.stop_kills(release.installed()):
            events.record("daos_engine", "stop", process.pid, rank=self.rank(), prepared=False)
        elif code < 0:
            events.record("daos_server", "engine-killed", rank=self.rank(), signal=-code)

    @property
    def name(self) -> str:
        """As the real daos_server names it in its log."""
        return f"instance {self._settings.index}"


class Engines:
    """All engines of this server, and what the management service asks of them by rank."""

    def __init__(self, engines: list[Engine], address: str) -> None:
        self._engines = engines
        self._address = address

    def __iter__(self) -> Any:
        return iter(self._engines)

    def start_formatted(self) -> None:
        """Start every engine whose storage is formatted."""
        for engine in self._engines:
            if engine.formatted():
                engine.start()

    def serve(self) -> bool:
        """Does one of them serve? Through it the leader of the management service asks pools."""
        return any(engine.serves() for engine in self._engines)

    def stop_all(self) -> None:
        """End every engine, unprepared if nobody prepared them: the server itself ends."""
        in_parallel([engine.stop for engine in self._engines])

    def erase(self) -> None:
        """Remove the superblock and everything else of every engine."""
        for engine in self._engines:
            engine.erase()

    def tell(self, **message: Any) -> None:
        """Send every engine that runs a message."""
        for engine in self._engines:
            engine.tell(**message)

    def on_ranks(self, action: str, ranks: list[int], force: bool) -> list[dict[str, Any]]:
        """Do `prepare`, `stop` or `start` on these ranks; one result (shared.RankResult) each."""
        wanted = [engine for engine in self._engines if engine.rank() in ranks]
        results = in_parallel([partial(self._on_engine, action, e, force) for e in wanted])
        missing = set(ranks) - {engine.rank() for engine in wanted}
        return results + [
            rank_result(rank, action, "no engine of that rank on this server", self._address)
            for rank in sorted(missing)
        ]

    def _on_engine(self, action: str, engine: Engine, force: bool) -> dict[str, Any]:
        if action == "prepare":
            problem = engine.prepare()
        elif action == "stop":
            problem = engine.stop(force)
        else:
            engine.start()
            problem = engine.wait_open()
        return rank_result(engine.rank() or 0, action, problem, self._address)


def _program() -> str:
    return f"/usr/bin/{release.engine_program(release.installed())}"


def in_parallel(work: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run all at once and return their results in order."""
    results: list[Any] = [None] * len(work)

    def run(index: int) -> None:
        results[index] = work[index]()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def own_address() -> str:
    """The IP address under which other nodes know this one."""
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return "127.0.0.1"
