"""libdaos for the lab's applications: attach by the agent, open a pool, keep objects in it.

An object has two copies, on neighbouring ranks of the pool. A copy on a rank that is excluded from
the pool is not used; an object of which no copy is left cannot be read.
"""

import ctypes
import errno
import hashlib
import os
import socket
import stat
import uuid
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from ..common import release
from ..common.errors import NO_ENTITY
from ..common.wire import AGENT, Closed, Wire, endpoint
from ..engine.tree import ROOT
from ..engine.trees import CHANGES

OBJECT_MODE = stat.S_IFREG | 0o444  # of the file that dfuse shows of an object
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
            sock.connect(AGENT)
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

    def open_pool(self, name: str, service: Sequence[int] = ()) -> "Pool":
        """Connect to a pool, named by label or UUID. Raises DaosError.

        Before 1.2 an application had to know the ranks of the pool's service. One of them is
        enough.
        """
        info = self.info()
        pool = Pool(name, info["ranks"], self, service)
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

    def __init__(
        self, name: str, ranks: list[dict[str, Any]], agent: Agent, service: Sequence[int] = ()
    ) -> None:
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
            ranks=list(service),
        )
        self.uuid = str(self._map["uuid"])
        self.size = int(self._map["size"])  # bytes
        self.label = self._map["label"] or self.uuid

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
        self.io(uri, "names", container="-")

    def containers(self) -> list[dict[str, Any]]:
        """Every container, as the model's Container."""
        self._refresh()
        return list(self._map["containers"])

    def create_container(self, label: str, kind: str, new: str = "") -> dict[str, Any]:
        """Make a container, with the UUID `new` where one is given; return as `containers` does."""
        return self._ask(
            self._service,
            op="container-create",
            pool=self.uuid,
            label=label,
            type=kind,
            new=new,
            owner=[os.getuid(), os.getgid()],
        )

    def destroy_container(self, container: str) -> None:
        """Remove a container (a UUID) and all that is in it."""
        self._ask(self._service, op="container-destroy", pool=self.uuid, container=container)

    def container(self, name: str) -> str:
        """The UUID of the container of that label or UUID."""
        for container in self.containers():
            if name in (container["label"], container["uuid"]):
                return str(container["uuid"])
        raise DaosError(f"DER_NONEXIST(-1005): no container {name} in pool {self.label}")

    def tree(self, container: str) -> "Files":
        """The files of a POSIX container (a UUID)."""
        return Files(self, container)

    def names(self, container: str) -> list[str]:
        """The objects of a container (a UUID)."""
        self._refresh()
        found: set[str] = set()
        for uri in self._map["uris"].values():
            found |= set(self.io(uri, "names", container=container)["names"])
        return sorted(found)

    def write(self, container: str, name: str, content: bytes) -> None:
        """Create or replace an object: all of its copies."""
        for uri in self._copies(container, name):
            self.io(uri, "write", container=container, name=name, content=content)

    def read(self, container: str, name: str) -> bytes:
        """An object's content, from the first copy that is there."""
        for uri in self._copies(container, name):
            answer = self.io(uri, "read", container=container, name=name, missing=True)
            if answer is not None:
                return bytes(answer["content"])
        raise DaosError(f"DER_DATA_LOSS: no copy of object {name} is left")

    def _copies(self, container: str, name: str) -> list[str]:
        """Where the copies of an object are, as far as their ranks serve the pool."""
        ranks = self._map["ranks"]
        first = int.from_bytes(hashlib.sha256(f"{container}/{name}".encode()).digest()[:4], "big")
        chosen = [ranks[(first + copy) % len(ranks)] for copy in range(min(_COPIES, len(ranks)))]
        uris = self._map["uris"]
        usable = [rank for rank in chosen if self._usable(rank)]
        if not usable:
            raise DaosError(f"DER_DATA_LOSS: no copy of object {name} is left")
        return [uris[str(rank)] for rank in usable]

    def _usable(self, rank: int) -> bool:
        return rank not in self._map["disabled"] and str(rank) in self._map["uris"]

    def place(self, container: str, new: bool) -> tuple[dict[str, Any], str]:
        """A container (a UUID), and the address of the engine that holds its files.

        "" where it has none yet; with `new` an engine is chosen then.
        """
        self._refresh()
        found = next((c for c in self._map["containers"] if c["uuid"] == container), None)
        if found is None:
            raise DaosError(NO_ENTITY)
        rank = found["tree"]
        if rank is None and new:
            asked = {"pool": self.uuid, "container": container}
            rank = self._ask(self._service, op="container-tree", **asked)["rank"]
        if rank is None:
            return found, ""
        if not self._usable(rank):
            raise DaosError(f"DER_DATA_LOSS: rank {rank} holds the files of {container}")
        return found, self._map["uris"][str(rank)]

    def _refresh(self) -> None:
        self._map = self._ask(self._service, op="pool-map", pool=self.uuid)

    def io(self, uri: str, op: str, missing: bool = False, **arguments: Any) -> Any:
        """One operation on an engine; with `missing`, None for an object that is not there."""
        request = {"op": op, "handle": self.handle, "pool": self.uuid, **arguments}
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


class Files:
    """The file tree of a container; see tree.Tree. Raises OSError as it does, and DaosError."""

    def __init__(self, pool: Pool, container: str) -> None:
        self._pool = pool
        self._container = container
        self._owner = [0, 0]
        self._uri = ""  # of the engine, once it is known

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a method of tree.Tree on the engine."""
        return self.batch([(name, *arguments)])[0]

    def batch(self, calls: Sequence[Sequence[Any]]) -> list[Any]:
        """Do several calls, each a name and its arguments, in one go: all, or none of them."""
        if not self._uri:
            self._find(new=any(call[0] in CHANGES for call in calls))
        if not self._uri:
            self._pool.check()
            return [_of_nothing(self._owner, *call) for call in calls]
        container, owner = self._container, self._owner
        try:
            answer = self._pool.io(self._uri, "tree", container=container, owner=owner, calls=calls)
        except DaosError:
            self._uri = ""  # it may be somebody else's the next time
            raise
        if "errno" in answer:
            raise OSError(answer["errno"], os.strerror(answer["errno"]))
        return list(answer["results"])

    def _find(self, new: bool) -> None:
        found, self._uri = self._pool.place(self._container, new)
        self._owner = [found["uid"], found["gid"]]


def _of_nothing(owner: list[int], name: str, where: Any = b"/", *_: Any) -> Any:
    """What a tree of which nothing was stored yet answers: there is an empty root."""
    if where not in (b"/", ROOT):
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    if name == "getattr":
        names = ("atime", "mtime", "ctime", "size", "rdev", "blocks")
        known = {"st_ino": ROOT, "st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        known |= {"st_uid": owner[0], "st_gid": owner[1]}
        return {**dict.fromkeys([f"st_{name}" for name in names], 0), **known}
    return 0 if name == "used" else []


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        raise DaosError(answer["error"])
    return answer
