"""The control plane of one server: its gRPC side, and its part in the management service."""

import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..common import config, events, release
from ..model import Refused, System
from ..protocol import management, rpc
from . import handlers, service, watch
from .engines import Engines
from .replica import Replica

Log = Callable[[str, str], None]
_JOIN_DEADLINE = 5.0  # seconds, then the engine's server logs why and tries again
_RELAY_DEADLINE = 10.0  # seconds
_USAGE_DEADLINE = 2.0  # seconds
_UNFORMATTED = 0.05  # seconds between two looks at storage that is not formatted yet
_ANSWERED = 0.05  # seconds, by which the caller has its answer


class Control:
    """What listens on port 10001 of one server, whose address is `address` ("IP:port")."""

    def __init__(
        self, settings: config.ServerConfig, address: str, engines: Engines, log: Log
    ) -> None:
        self._settings = settings
        self._address = address
        self._engines = engines
        self._log = log
        self._replica: Replica | None = None
        self._initialized = threading.Event()
        self._leaving = False

    def serve(self, state_file: Path) -> None:
        """Begin to listen, and to take part in elections where this is an access point."""
        points = self._settings.access_points
        me = next((point for point in points if self._is_here(point)), "")
        self._state_file = state_file
        if me:
            self._replica = Replica(me, points, state_file, _send, self._became_leader)
        self._service = service.Service(
            self._settings.name,
            self._replica,
            self._replicas,
            self._initialized.is_set,
            self._engines.serve,
        )
        self._operations = Operations(self._service, self._engines)
        methods = handlers.methods(self._service)
        # Kept: a server that nobody refers to stops serving.
        self._listener = rpc.serve(
            self._settings.port, methods, self._storage_scan, self._operation
        )
        if self._replica:
            _in_background(self._take_part)
            _in_background(watch.run, self._led, self._lost)

    def _take_part(self) -> None:
        """Take part in elections, as soon as there is storage to keep the system's state on."""
        assert self._replica
        while not self._formatted():
            time.sleep(_UNFORMATTED)
        self._initialized.set()
        self._replica.run()

    def _formatted(self) -> bool:
        return next((bool(engine.formatted()) for engine in self._engines), True)

    def _is_here(self, point: str) -> bool:
        host, _, port = point.rpartition(":")
        name = socket.gethostname()
        ours = {name, name.partition(".")[0], self._address.partition(":")[0], "localhost"}
        return bool({host, host.partition(".")[0]} & ours) and int(port) == self._settings.port

    def _replicas(self) -> dict[str, str]:
        """The access points' names, and their addresses as far as these are known by now."""
        addresses = {}
        for point in self._settings.access_points:
            host, _, port = point.rpartition(":")
            try:
                addresses[point] = f"{socket.gethostbyname(host)}:{port}"
            except OSError:
                addresses[point] = point
        return addresses

    def _became_leader(self, term: int) -> None:
        events.record("daos_server", "leader", term=term)
        self._log("INFO", f"leader of the management service, term {term}")

    def _led(self) -> System | None:
        try:
            return self._service.lead()
        except rpc.Failure:
            return None

    def _lost(self, rank: int, incarnation: int) -> None:
        self._log("ERROR", f"rank {rank} does not answer: excluding it")
        self._service.lost(rank, incarnation)

    # Calls that come in

    def _operation(self, message: dict[str, Any]) -> Any:
        op = message.pop("op")
        if op in ("vote", "append"):
            if not self._replica or not self._formatted():
                raise rpc.Failure("not a replica, or none yet")
            return self._replica.handle(op, message)
        if op == "format":
            return self._format(**message)
        if op == "network scan":
            return {"interfaces": []}
        if op == "forget":
            self._leaving = True
            if self._replica:
                self._replica.close()
            threading.Timer(_ANSWERED, self._start_anew).start()
            return {}
        return self._operations.do(op, message)

    def _start_anew(self) -> None:
        """Begin again in the same process, as the real one does, without what this replica knew."""
        self._state_file.unlink(missing_ok=True)
        self._log("INFO", "erased, starting again")
        os.execv(sys.argv[0], sys.argv)

    def _format(self, force: bool, epoch: int, hosts: list[str]) -> dict[str, Any]:
        """Format this server's storage, and start the engines.

        `hosts` are all servers formatted together: where all replicas are among them, a forced
        format starts a new system, and what the replicas knew of the old one is void.
        """
        if self._leaving:  # what is half done would be done by nobody
            raise rpc.Failure("erased, and about to start again")
        running = [engine.name for engine in self._engines if engine.running()]
        if running:
            raise rpc.Failure(f"{', '.join(running)}: can't format storage of running instance")
        if not force and any(engine.formatted() for engine in self._engines):
            raise rpc.Failure("storage already formatted and reformat not requested (--force)")
        names = {host.partition(":")[0] for host in hosts}
        points = {point.partition(":")[0] for point in self._settings.access_points}
        if force and self._replica and points <= names:
            self._replica.reset(epoch)
        for engine in self._engines:
            engine.format()
        events.record("daos_server", "format", force=force, version=release.installed())
        self._log("INFO", "storage formatted")
        self._engines.start_formatted()
        return {"scm": len(list(self._engines)), "nvme": 0}

    def _storage_scan(self, _request: Any, _metadata: Any) -> Any:
        return handlers.storage_scan(self._engines, self._scm_used())

    def _scm_used(self) -> dict[str, int]:
        """The bytes of SCM that pools take of each rank; none where no leader tells."""
        try:
            leader = management.Management(self._settings.access_points, _USAGE_DEADLINE)
            return dict(leader.ctl("scm-used"))
        except (management.Unreachable, management.ServiceError):
            return {}

    # Calls that go out, for this server's engines

    def join(self, engine: dict[str, Any]) -> int:
        """Have the management service let an engine in; returns its rank. Raises Exception."""
        leader = management.Management(self._settings.access_points, _JOIN_DEADLINE)
        response = leader.call(
            "Join",
            (("daos-version", engine["version"]), ("daos-targets", str(engine["targets"]))),
            sys=self._settings.name,
            uuid=engine["uuid"],
            rank=handlers.NO_RANK if engine["rank"] is None else engine["rank"],
            uri=engine["uri"],
            addr=self._address,
            srvFaultDomain=f"/{socket.gethostname()}",
            idx=engine["index"],
            incarnation=engine["incarnation"],
        )
        return int(response.rank)

    def relay(self, op: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Pass on what an application asked an engine; a refusal is the result's `error`."""
        try:
            leader = management.Management(self._settings.access_points, _RELAY_DEADLINE)
            return dict(leader.ctl(op, **arguments))
        except (management.Unreachable, management.ServiceError) as error:
            return {"error": str(error)}


class Operations:
    """The lab's own calls (lab.Ctl), except those among replicas."""

    def __init__(self, ms: service.Service, engines: Engines) -> None:
        self._service = ms
        self._known: dict[str, Callable[..., Any]] = {
            # of the management service's leader to any server
            "ranks": lambda **what: {"results": engines.on_ranks(**what)},
            "evict": lambda handles: engines.tell(op="evict", handles=handles),
            "drop": lambda **what: engines.tell(op="drop", **what),
            "erase": engines.erase,
            # of agents, applications and dmg to the leader
            "attach-info": lambda: service.attach_info(ms.lead()),
            "pools": lambda: {"pools": [_pool(ms.lead(), uuid) for uuid in ms.lead().pools]},
            "scm-used": lambda: {str(r): used for r, used in ms.lead().scm_used().items()},
            "pool-connect": ms.connect,
            "pool-disconnect": lambda handle: ms.change(lambda s: s.disconnect(handle)),
            "pool-map": lambda pool: service.pool_map(ms.lead(), pool),
            "handle-pool": self._handle_pool,
            "container-create": self._create_container,
            "container-destroy": ms.destroy_container,
            "container-tree": self._place_tree,
            "reintegrate": lambda pool, rank: ms.change(lambda s: s.reintegrate(pool, rank)),
        }

    def do(self, op: str, arguments: dict[str, Any]) -> Any:
        """Run an operation. Raises rpc.Failure."""
        try:
            return self._known[op](**arguments) or {}
        except Refused as refusal:
            raise service.refused(refusal) from refusal

    def _handle_pool(self, handle: str) -> dict[str, Any]:
        known = self._service.lead().handles.get(handle)
        return {"pool": known.pool if known else ""}

    def _create_container(
        self, pool: str, label: str, type: str, new: str, owner: list[int]
    ) -> dict[str, Any]:
        new = new or str(uuid.uuid4())
        uid, gid = owner
        made = self._service.change(
            lambda system: system.create_container(pool, new, label, type, (uid, gid))
        )
        return asdict(made)

    def _place_tree(self, pool: str, container: str) -> dict[str, Any]:
        return {"rank": self._service.change(lambda s: s.place_tree(pool, container))}


def _pool(system: System, name: str) -> dict[str, Any]:
    """A pool as `daos pool list` shows it."""
    pool = system.pool(name)
    return {**system.query_pool(name), "svc_reps": pool.svc_reps}


def _send(peer: str, operation: str, timeout: float, message: dict[str, Any]) -> Callable[[], Any]:
    return rpc.ctl_later(peer, operation, timeout, **message)


def _in_background(target: Callable[..., None], *arguments: Any) -> None:
    threading.Thread(target=target, args=arguments, daemon=True).start()
