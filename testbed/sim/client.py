"""libdaos for the lab's applications: attach by the agent, open a pool, keep objects in it.

An object has two copies, on neighbouring ranks of the pool. A copy on a rank that is excluded from
the pool is not used; an object of which no copy is left cannot be read.
"""

import base64
import ctypes
import hashlib
import os
import socket
import uuid
from types import TracebackType
from typing import Any

from . import daos_agent, release
from .watch import endpoint
from .wire import Closed, Wire

LIBRARY = "/usr/lib64/libdaos.so"
_COPIES = 2
_TIMEOUT = 30.0  # seconds for an engine to answer


class DaosError(Exception):
    """A call that failed; the text starts with DAOS's name of the error."""


def attach() -> "Agent":
    """Map libdaos (its version is that of the package) and ask the agent. Raises DaosError."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise DaosError(f"{LIBRARY}: {error}") from error
    return Agent()


class Agent:
    """The connection to this node's daos_agent, kept while the application lives."""

    def __init__(self) -> None:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(daos_agent.SOCKET)
        except OSError as error:
            text = f"DER_AGENT_COMM(-1033): unable to contact daos_agent: {error}"
            raise DaosError(text) from error
        self._wire = Wire(sock)

    def info(self) -> dict[str, Any]:
        """The system's name and version, and its serving ranks. Raises DaosError."""
        info = self._ask("attach-info")
        ours = release.installed()
        if info["agent"] != ours:
            raise DaosError(f"DER_MISMATCH: daos_agent is {info['agent']}, libdaos is {ours}")
        if not release.may_talk(ours, info["version"]):
            raise DaosError(f"DER_PROTO: libdaos is {ours}, the system is {info['version']}")
        if not info["ranks"]:
            raise DaosError("DER_UNREACH(-1006): no rank of the system is joined")
        return info

    def pools(self) -> list[dict[str, Any]]:
        """The pools, each as `dmg pool query` shows it, with svc_reps. Raises DaosError."""
        self.info()
        return list(self._ask("pools")["pools"])

    def open_pool(self, name: str) -> "Pool":
        """Connect to a pool, named by label or UUID. Raises DaosError."""
        info = self.info()
        pool = Pool(name, info["ranks"], self)
        self.tell("opened", pool.handle)
        return pool

    def tell(self, op: str, handle: str) -> None:
        """Say that a handle was opened or closed; an agent that is gone need not know."""
        try:
            self._wire.ask(op=op, handle=handle)
        except Closed:
            return

    def _ask(self, op: str) -> dict[str, Any]:
        try:
            return _checked(self._wire.ask(op=op))
        except Closed as error:
            raise DaosError("DER_AGENT_COMM(-1033): daos_agent closed the connection") from error


class Pool:
    """An open pool. Every method raises DaosError, after an eviction for one."""

    def __init__(self, name: str, ranks: list[dict[str, Any]], agent: Agent) -> None:
        self._agent = agent
        self._wires: dict[str, Wire] = {}
        self._service = ranks[0]["uri"]
        self.handle = str(uuid.uuid4())
        self._map = self._ask(
            self._service,
            op="pool-connect",
            pool=name,
            handle=self.handle,
            host=socket.gethostname(),
            pid=os.getpid(),
        )
        self.label = self._map["label"] or self._map["uuid"]

    def __enter__(self) -> "Pool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or not isinstance(error, DaosError):
            self.close()

    def close(self) -> None:
        """Disconnect from the pool."""
        self._ask(self._service, op="pool-disconnect", handle=self.handle)
        self._agent.tell("closed", self.handle)

    def check(self) -> None:
        """A small piece of I/O, which fails once the connection was evicted."""
        uri = next(iter(self._map["uris"].values()))
        self._io(uri, "names", container="-")

    def containers(self) -> list[dict[str, str]]:
        """uuid, label and type of every container."""
        self._refresh()
        return list(self._map["containers"])

    def create_container(self, label: str, kind: str) -> dict[str, str]:
        """Make a container and return what `containers` would."""
        return self._ask(
            self._service, op="container-create", pool=self._map["uuid"], label=label, type=kind
        )

    def container(self, name: str) -> str:
        """The UUID of the container of that label or UUID."""
        for container in self.containers():
            if name in (container["label"], container["uuid"]):
                return container["uuid"]
        raise DaosError(f"DER_NONEXIST(-1005): no container {name} in pool {self.label}")

    def names(self, container: str) -> list[str]:
        """The objects of a container (a UUID)."""
        self._refresh()
        found: set[str] = set()
        for uri in self._map["uris"].values():
            found |= set(self._io(uri, "names", container=container)["names"])
        return sorted(found)

    def write(self, container: str, name: str, content: bytes) -> None:
        """Create or replace an object: all of its copies."""
        encoded = base64.b64encode(content).decode()
        for uri in self._copies(container, name):
            self._io(uri, "write", container=container, name=name, content=encoded)

    def read(self, container: str, name: str) -> bytes:
        """An object's content, from the first copy that is there."""
        for uri in self._copies(container, name):
            answer = self._io(uri, "read", container=container, name=name, missing=True)
            if answer is not None:
                return base64.b64decode(answer["content"])
        raise DaosError(f"DER_DATA_LOSS: no copy of object {name} is left")

    def _copies(self, container: str, name: str) -> list[str]:
        """Where the copies of an object are, as far as their ranks serve the pool."""
        ranks = self._map["ranks"]
        first = int.from_bytes(hashlib.sha256(f"{container}/{name}".encode()).digest()[:4], "big")
        chosen = [ranks[(first + copy) % len(ranks)] for copy in range(min(_COPIES, len(ranks)))]
        uris = self._map["uris"]
        usable = [r for r in chosen if r not in self._map["disabled"] and str(r) in uris]
        if not usable:
            raise DaosError(f"DER_DATA_LOSS: no copy of object {name} is left")
        return [uris[str(rank)] for rank in usable]

    def _refresh(self) -> None:
        self._map = self._ask(self._service, op="pool-map", pool=self._map["uuid"])

    def _io(self, uri: str, op: str, missing: bool = False, **arguments: Any) -> Any:
        """One operation on an engine; with `missing`, None for an object that is not there."""
        request = {"op": op, "handle": self.handle, "pool": self._map["uuid"], **arguments}
        try:
            return self._ask(uri, **request)
        except DaosError as error:
            if missing and "DER_NONEXIST" in str(error):
                return None
            raise

    def _ask(self, uri: str, **request: Any) -> dict[str, Any]:
        try:
            if uri not in self._wires:
                self._wires[uri] = Wire(socket.create_connection(endpoint(uri), _TIMEOUT))
            return _checked(self._wires[uri].ask(**request))
        except (OSError, Closed) as error:
            self._wires.pop(uri, None)
            raise DaosError(f"DER_UNREACH(-1006): engine {uri} does not answer") from error


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        raise DaosError(answer["error"])
    return answer
