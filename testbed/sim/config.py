"""The configuration files under /etc/daos, as far as the simulated programs read them."""

import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PORT = 10001
SERVER = "/etc/daos/daos_server.yml"
AGENT = "/etc/daos/daos_agent.yml"
CONTROL = "/etc/daos/daos_control.yml"


class BadConfig(Exception):
    """A configuration file that is missing or says something impossible."""


@dataclass
class EngineConfig:
    """One entry of `engines` in daos_server.yml."""

    index: int
    targets: int
    port: int
    scm_mount: str
    log_file: str


@dataclass
class ServerConfig:
    """daos_server.yml; addresses are "host:port"."""

    name: str
    port: int
    access_points: list[str]
    provider: str
    control_log_file: str
    engines: list[EngineConfig]


@dataclass
class ControlConfig:
    """daos_control.yml, or the same keys of daos_agent.yml: where the system is."""

    name: str = "daos_server"
    port: int = PORT
    hosts: list[str] = field(default_factory=lambda: [f"localhost:{PORT}"])


def with_port(address: str, port: int) -> str:
    """ "host" as "host:port"; "host:1" stays."""
    return address if ":" in address else f"{address}:{port}"


def server(path: str = SERVER) -> ServerConfig:
    """Read daos_server.yml. Raises BadConfig."""
    data = _read(path)
    port = int(data.get("port", PORT))
    engines = [
        EngineConfig(
            index=index,
            targets=int(entry.get("targets", 8)),
            port=int(entry.get("fabric_iface_port", 31416 + 100 * index)),
            scm_mount=str(_scm_mount(entry, index)),
            log_file=str(entry.get("log_file", "")),
        )
        for index, entry in enumerate(data.get("engines") or data.get("servers") or [])
    ]
    points = data.get("access_points") or [socket.gethostname()]
    if len(points) % 2 == 0:
        raise BadConfig(f"{path}: access_points: an odd number of them is needed")
    if not engines:
        raise BadConfig(f"{path}: engines: none is configured")
    return ServerConfig(
        name=str(data.get("name", "daos_server")),
        port=port,
        access_points=[with_port(point, port) for point in points],
        provider=str(data.get("provider", "ofi+sockets")).partition(";")[0],
        control_log_file=str(data.get("control_log_file", "")),
        engines=engines,
    )


def _scm_mount(entry: dict[str, Any], index: int) -> str:
    """2.0 has scm_mount in the engine; 2.2 a list of storage tiers."""
    tiers = entry.get("storage") or [{}]
    return entry.get("scm_mount") or tiers[0].get("scm_mount") or f"/mnt/daos{index}"


def agent(path: str = AGENT) -> ControlConfig:
    """Read daos_agent.yml. Raises BadConfig."""
    return _where(_read(path), "access_points")


def control(path: str = CONTROL) -> ControlConfig:
    """Read daos_control.yml. Raises BadConfig."""
    return _where(_read(path), "hostlist")


def _where(data: dict[str, Any], key: str) -> ControlConfig:
    port = int(data.get("port", PORT))
    hosts = [with_port(host, port) for host in data.get(key) or ["localhost"]]
    return ControlConfig(str(data.get("name", "daos_server")), port, hosts)


def _read(path: str) -> dict[str, Any]:
    import yaml  # takes 15 ms, which engines and some calls of dmg need not wait for

    try:
        data = yaml.load(Path(path).read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, yaml.YAMLError) as error:
        raise BadConfig(f"{path}: {error}") from error
    if not isinstance(data or {}, dict):
        raise BadConfig(f"{path}: not a set of keys")
    return data or {}
