"""The container engine: testcontainers' classes, set up so that nothing leaves this machine.

A published port is bound to loopback, and to a number picked beforehand, so that it stays the same
when a node reboots.
"""

import contextlib
import os
import random
import socket
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

# The reaper's image comes from a public registry, which may be out of reach; the lab cleans up
# itself (cleanup.py). Has to be set before testcontainers is imported.
os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"

import docker
import docker.errors
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.network import Network

testcontainers_config.ryuk_disabled = True  # if somebody imported it before

LOOPBACK = "127.0.0.1"
_PORTS = range(20000, 32768)  # below the ports that Linux hands out by itself
# As on a real node: Docker lets every user of a container listen on any port.
_SYSCTLS = {"net.ipv4.ip_unprivileged_port_start": "1024"}
_CLIENT = {"timeout": 180}  # seconds that the engine may take for one answer


def client() -> docker.DockerClient:
    """A connection to the engine; the caller closes it."""
    return DockerClient(**_CLIENT).client


@dataclass(frozen=True)
class Mount:
    """A volume of the engine in a container, or a file of this machine.

    + volume: its name, or the path of the file
    """

    volume: str
    read_only: bool = False


@dataclass(frozen=True)
class Spec:
    """What a container is to be.

    + capabilities: all that it may do beyond what ordinary processes may, as `NET_RAW`
    + ports: TCP ports to publish on loopback
    + fuse: whether FUSE mounts shall work in it
    + mounts: volumes and files, by the path in the container
    """

    name: str
    hostname: str
    image: str
    labels: Mapping[str, str]
    capabilities: Collection[str] = ()
    ports: tuple[int, ...] = ()
    fuse: bool = False
    mounts: Mapping[str, Mount] = field(default_factory=dict)


@dataclass
class Started:
    """A running container and the loopback port of each port that it publishes."""

    container: DockerContainer
    ports: dict[int, int] = field(default_factory=dict)


def make_network(name: str, labels: Mapping[str, str]) -> Network:
    """Make a network of its own for a lab; what is published in it goes to loopback."""
    loopback_only = {"com.docker.network.bridge.host_binding_ipv4": LOOPBACK}
    network = Network(_CLIENT, {"labels": dict(labels), "options": loopback_only})
    network.name = name
    return network.create()


def addresses(network: Network) -> tuple[str, str]:
    """The addresses of a network, "172.18.0.0/16", and the one that is this machine's in it."""
    with contextlib.closing(client()) as engine:
        [found, *_] = engine.api.inspect_network(network.name)["IPAM"]["Config"]
    return found["Subnet"], found["Gateway"]


def make_volume(name: str, labels: Mapping[str, str], mib: int) -> str:
    """Make a volume that several containers can mount; give its name.

    + mib: how much fits into it, in MiB; it is in memory then. 0: as much as the engine's disk has
    """
    options = {"type": "tmpfs", "device": "tmpfs", "o": f"size={mib}m,mode=755"} if mib else {}
    with contextlib.closing(client()) as engine:
        engine.api.create_volume(name, driver="local", driver_opts=options, labels=dict(labels))
    return name


def start(spec: Spec, network: Network) -> Started:
    """Start a container; a port that somebody else took in between is replaced by another."""
    for attempt in range(5):
        started = Started(_container(spec, network), {port: free_port() for port in spec.ports})
        for inside, outside in started.ports.items():
            binding = (LOOPBACK, outside)
            started.container.ports[f"{inside}/tcp"] = binding  # type: ignore[assignment]
        try:
            started.container.start()
            return started
        except docker.errors.APIError as error:
            started.container.stop()
            if attempt == 4 or not _port_taken(error):
                raise
    raise AssertionError("not reached")


def _container(spec: Spec, network: Network) -> DockerContainer:
    devices = ["/dev/fuse"] if spec.fuse else []
    container = DockerContainer(spec.image, docker_client_kw=_CLIENT, name=spec.name)
    container.with_network(network).with_network_aliases(spec.hostname)
    for path, mount in spec.mounts.items():
        container.with_volume_mapping(mount.volume, path, "ro" if mount.read_only else "rw")
    return container.with_kwargs(
        hostname=spec.hostname,
        labels=dict(spec.labels),
        devices=devices,
        cap_drop=["ALL"],
        # Where no process becomes another user, none gets more by a set-user-ID program either.
        security_opt=[] if "SETUID" in spec.capabilities else ["no-new-privileges"],
        cap_add=sorted(spec.capabilities),
        sysctls=_SYSCTLS,
    )


def _port_taken(error: docker.errors.APIError) -> bool:
    text = str(error)
    return "port is already allocated" in text or "address already in use" in text


def free_port() -> int:
    """A TCP port that nobody uses on loopback just now."""
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port


def says(port: int, greeting: bytes = b"", request: bytes = b"") -> bool:
    """Whether the program behind a loopback port sends something that starts with `greeting`.

    + request: what to send it first

    That a connection opens proves nothing: the engine's own proxy opens it for any container.
    """
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            connection.sendall(request)
            heard = connection.recv(16)
    except OSError:
        return False
    return bool(heard) and heard.startswith(greeting)


def remove_container(engine: docker.DockerClient, container_id: str) -> None:
    """Remove a container, running or not; that it is gone already is no error."""
    try:
        engine.api.remove_container(container_id, force=True, v=True)
    except docker.errors.NotFound:
        pass
    except docker.errors.APIError as error:
        if error.status_code != 409:  # somebody else is removing it
            raise


def remove_when_free(remove: Callable[[str], object], name: str) -> None:
    """Remove a network, or a volume with all that is in it; that it is gone is no error.

    While its last container is going away the engine says no.
    """
    deadline = time.monotonic() + 10
    while True:
        try:
            remove(name)
            return
        except docker.errors.NotFound:
            return
        except docker.errors.APIError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
