"""Starting the machines of a lab: the package repository and all nodes at once."""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from testbed.images.image import Images
from testbed.lab import backup, capabilities, cleanup, engine, huge_pages, provision
from testbed.lab.container import SSH_PORT, Machine, Node
from testbed.lab.errors import LabError
from testbed.lab.nodes import LabNode

_HTTP_PORT = 80
_FUSE = Path("/dev/fuse")


@dataclass
class Fleet:
    """The running machines of a lab.

    + host_keys: the public host key of each node, by its loopback port
    """

    repo: Machine
    nodes: dict[str, Node] = field(default_factory=dict)
    host_keys: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Launch:
    """What all machines of one lab have in common.

    + version: the DAOS release of the nodes that name none themselves
    + public_key: who may log in to the nodes
    + huge_pages: the folder of what huge_pages.py has written
    + volume: what the clients share, if anything
    """

    lab_id: str
    labels: dict[str, str]
    images: Images
    network: engine.Network
    version: str
    servers: Sequence[str]
    public_key: str
    huge_pages: Path
    volume: str | None = None

    def repo(self) -> Machine:
        """Start the package repository and wait until it answers."""
        name = provision.REPOSITORY
        started = self._start(name, self.images.repo, capabilities.REPOSITORY, (_HTTP_PORT,))
        machine = Machine(name, started)
        machine.wait("an answer of the package repository", lambda: _serves(machine))
        return machine

    def node(self, spec: LabNode, repo: Future[Machine]) -> tuple[Node, str]:
        """Start a node, wait for its sshd and set it up; give it and its public host key."""
        ports = (SSH_PORT, provision.CONTROL_PORT) if "servers" in spec.roles else (SSH_PORT,)
        may = capabilities.CLIENT if "clients" in spec.roles else capabilities.NODE
        image = self.images.nodes[spec.flavour]
        version = spec.version or self.version
        node = Node(spec, self._start(spec.name, image, may, ports, self._mounts(spec, version)))
        node.wait_for_ssh()
        repo.result()
        script = provision.node_script(spec, version, self.servers, self.public_key)
        host_key = node.run(script).stdout.strip().splitlines()[-1]
        if "servers" in spec.roles:
            control = node.port(provision.CONTROL_PORT)
            node.wait("an answer of daos_server", lambda: engine.says(control))
        return node, host_key

    def _mounts(self, spec: LabNode, version: str) -> dict[str, engine.Mount]:
        pages = huge_pages.mounts(self.huge_pages, spec.name, spec.roles, version)
        return backup.mounts(self.volume, spec.roles) | pages

    def _start(
        self,
        hostname: str,
        image: str,
        may: Collection[str],
        ports: tuple[int, ...],
        mounts: Mapping[str, engine.Mount] = MappingProxyType({}),
    ) -> engine.Started:
        name = f"daos-lab-{self.lab_id}-{hostname}"
        fuse = may is capabilities.CLIENT and _FUSE.exists()
        spec = engine.Spec(name, hostname, image, self.labels, may, ports, fuse, mounts)
        try:
            return engine.start(spec, self.network)
        except Exception as error:
            raise LabError(f"{hostname}: cannot start a container of {image}: {error}") from error


def _serves(machine: Machine) -> bool:
    """Whether the repository answers a request; it speaks only when spoken to."""
    return engine.says(machine.port(_HTTP_PORT), b"HTTP/", b"HEAD / HTTP/1.0\r\n\r\n")


def start_all(launch: Launch, specs: Sequence[LabNode]) -> Fleet:
    """Start the repository and all nodes in parallel; the first error is raised."""
    pool = ThreadPoolExecutor(max_workers=len(specs) + 1)
    try:
        with cleanup.postponed():
            repo = pool.submit(launch.repo)
            futures = {pool.submit(launch.node, spec, repo): spec for spec in specs}
        for future in as_completed(futures):
            future.result()
        fleet = Fleet(repo.result())
        for future in futures:
            node, host_key = future.result()
            fleet.nodes[node.name] = node
            fleet.host_keys[node.ssh_port] = host_key
        return fleet
    finally:
        # What a thread is starting right now has to be there before it can be removed.
        with cleanup.undisturbed():
            pool.shutdown(wait=True, cancel_futures=True)
