"""daos_engine: keeps the objects of its rank, and serves applications on its fabric port.

Its parent, daos_server, talks with it over the socket that it inherits (--drpc): the engine says
`started` or `aborted`, is told its `rank`, is asked to `prepare` for a shutdown, and passes on what
only the management service decides. When that socket closes, the engine ends: nobody supervises it.
Standard library only, and no gRPC: a node starts several of them at once.
"""

import os
import signal
import socket
import threading
import time
from typing import Any

from ..common import events, faults, release
from ..common.errors import NO_ENTITY
from ..common.wire import Closed, Wire
from . import storage, trees

_FIRST_RELAY = 1


def main(argv: list[str]) -> int:
    """--index N --targets N --port N --scm-mount DIR --address IP --provider P --drpc FD."""
    options = {name.lstrip("-"): value for name, value in zip(argv[::2], argv[1::2], strict=True)}
    engine = Engine(options)
    return engine.run()


def log(level: str, text: str) -> None:
    """A line of the engine's log, which its server passes on."""
    stamp = time.strftime("%m/%d-%H:%M:%S", time.localtime())
    print(f"{stamp}.00 {socket.gethostname()} DAOS[{os.getpid()}] {level} {text}", flush=True)


class Engine:
    """One engine process."""

    def __init__(self, options: dict[str, str]) -> None:
        self._options = options
        self._version = release.installed()
        self._mount = options["scm-mount"]
        self._objects = storage.Objects(self._mount)
        self._trees = trees.Trees(self._mount)
        self._server = Wire(socket.socket(fileno=int(options["drpc"])))
        self._rank: int | None = None
        self._prepared = False
        self._handles: dict[str, str] = {}  # handle to pool, as far as this engine has asked
        self._answers: dict[int, Any] = {}
        self._answered = threading.Condition()
        self._relays = _FIRST_RELAY

    def run(self) -> int:
        """Serve until told to stop. Returns the exit code; 1 where the storage is not usable."""
        signal.signal(signal.SIGTERM, lambda *_: self._end())
        index = int(self._options["index"])
        known = storage.superblock(self._mount) or {}
        self._rank = known.get("rank")
        events.record("daos_engine", "start", version=self._version, index=index, rank=self._rank)
        try:
            block = storage.open_mount(self._mount, self._version)
            listener = socket.create_server(("", int(self._options["port"])))
        except (storage.Unusable, OSError) as error:
            return self._abort(str(error))
        self._announce(block)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        self._obey()
        return 1

    def _abort(self, reason: str) -> int:
        events.record("daos_engine", "abort", reason=reason, rank=self._rank)
        log("ERR", f"engine abort: {reason}")
        self._server.send(event="aborted", reason=reason)
        return 1

    def _announce(self, block: dict[str, Any]) -> None:
        if faults.planted().get("engine_never_ready"):
            log("ERR", "engine does not get ready (fault planted)")
            return
        time.sleep(faults.planted().get("ready_delay", 0))
        uri = f"{self._options['provider']}://{self._options['address']}:{self._options['port']}"
        self._server.send(
            event="started",
            uuid=block["uuid"],
            rank=block["rank"],
            uri=uri,
            version=self._version,
            targets=int(self._options["targets"]),
            incarnation=time.time_ns(),
        )

    def _end(self) -> None:
        """Exit at once, as asked by SIGTERM."""
        time.sleep(float(faults.planted().get("stop_delay", 0)))
        events.record("daos_engine", "stop", rank=self._rank, prepared=self._prepared)
        os._exit(0)

    # Its server

    def _obey(self) -> None:
        while True:
            try:
                message = self._server.receive()
            except Closed:
                self._end()
            self._act(message)

    def _act(self, message: dict[str, Any]) -> None:
        if "answer" in message:
            with self._answered:
                self._answers[message["answer"]] = message["result"]
                self._answered.notify_all()
        elif message["op"] == "rank":
            self._rank = message["rank"]
            log("INFO", f"rank {self._rank} set up, daos_engine {self._version}")
            events.record("daos_engine", "ready", rank=self._rank, version=self._version)
        elif message["op"] == "prepare":
            self._prepared = True
            events.record("daos_engine", "prepared", rank=self._rank)
            self._server.send(event="prepared")
        elif message["op"] == "evict":
            for handle in message["handles"]:
                self._handles.pop(handle, None)
        elif message["op"] == "drop":
            self._objects.drop(message["pool"], message["container"])
            self._trees.drop(message["pool"], message["container"])

    def _relay(self, op: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Have the management service do something; the result may carry an `error`."""
        with self._answered:
            number = self._relays
            self._relays += 1
        self._server.send(event="relay", number=number, op=op, arguments=arguments)
        with self._answered:
            self._answered.wait_for(lambda: number in self._answers)
            return dict(self._answers.pop(number))

    # Applications

    def _accept(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        wire = Wire(connection)
        try:
            while True:
                wire.send(**self._answer(wire.receive()))
        except Closed:
            wire.close()

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        op = request.pop("op")
        if op not in ("read", "write", "names", "tree"):
            return self._relay(op, request)
        if not self._connected(request.pop("handle")):
            return {"error": "DER_NO_HDL(-1002): Invalid handle"}
        if op == "tree":
            return self._in_tree(**request)
        return self._on_object(op, request)

    def _in_tree(self, **request: Any) -> dict[str, Any]:
        try:
            return {"results": self._trees.do(**request)}
        except OSError as error:
            return {"errno": error.errno}

    def _on_object(self, op: str, request: dict[str, Any]) -> dict[str, Any]:
        where = (request["pool"], request["container"])
        if op == "names":
            return {"names": self._objects.names(*where)}
        if op == "write":
            self._objects.write(*where, request["name"], request["content"])
            return {}
        try:
            return {"content": self._objects.read(*where, request["name"])}
        except FileNotFoundError:
            return {"error": NO_ENTITY}

    def _connected(self, handle: str) -> bool:
        """Is the handle open? Asked once; the server tells when it is evicted."""
        if handle not in self._handles:
            pool = self._relay("handle-pool", {"handle": handle}).get("pool")
            if pool:
                self._handles[handle] = pool
        return handle in self._handles
