"""The configuration files under /etc/daos, as far as the simulated programs read them."""

import re
import socket
from dataclasses import dataclass, field
from typing import Any

from . import release

PORT = 10001
SERVER = "/etc/daos/daos_server.yml"
AGENT = "/etc/daos/daos_agent.yml"
CONTROL = "/etc/daos/daos_control.yml"
CONTROL_1_0 = "/etc/daos/daos.yml"


class BadConfig(Exception):
    """A configuration file that is missing or says something impossible."""


@dataclass
class EngineConfig:
    """One entry of `engines` in daos_server.yml."""

    index: int
    targets: int
    port: int
    scm_mount: str
    scm_bytes: int
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


_SERVER_KEYS = {
    *("port", "transport_config", "servers", "engines", "bdev_include", "bdev_exclude"),
    *("disable_vfio", "nr_hugepages", "control_log_mask", "control_log_file", "control_log_json"),
    *("helper_log_file", "firmware_helper_log_file", "recreate_superblocks", "fault_path", "name"),
    *("socket_dir", "access_points", "fault_cb", "hyperthreads", "provider", "fabric_iface"),
    *("fabric_iface_port", "pinned_numa_node", "crt_ctx_share_addr", "crt_timeout"),
}
_SERVER_KEYS_1 = {"disable_vmd", "set_hugepages", "path", "modules"}
_SERVER_KEYS_2 = {"enable_vmd", "enable_hotplug", "telemetry_port", "bypass_health_chk"}
_ENGINE_KEYS = {
    *("rank", "modules", "targets", "nr_xs_helpers", "first_core", "log_mask", "log_file"),
    *("scm_mount", "scm_class", "scm_size", "scm_list", "bdev_class", "bdev_list", "bdev_number"),
    *("bdev_size", "provider", "fabric_iface", "fabric_iface_port", "pinned_numa_node"),
    *("crt_ctx_share_addr", "crt_timeout", "env_vars", "env_pass_through"),
}
_ENGINE_KEYS_1 = {"name", "socket_dir"}
_ENGINE_KEYS_2 = {"storage", "bypass_health_chk"}
_SCM_SIZE = 16  # GiB, where the configuration does not say
_OUTDATED = (
    '"servers" server config file parameter is deprecated, use "engines" instead'
    ", examples: /etc/daos/examples: "
    'serverconfig: code = 701 description = "insufficient information in configuration"'
)


def _check_keys(path: str, data: dict[str, Any], version: str) -> None:
    """Refuse keys that the release does not know, as its parser does. Raises BadConfig."""
    old = release.numbers(version) < (2,)
    engines = data.get("engines") or data.get("servers") or []
    found = [
        *_unknown("Server", data, _SERVER_KEYS | (_SERVER_KEYS_1 if old else _SERVER_KEYS_2)),
        *(
            line
            for engine in engines
            for line in _unknown(
                "Config", engine, _ENGINE_KEYS | (_ENGINE_KEYS_1 if old else _ENGINE_KEYS_2)
            )
        ),
    ]
    if found:
        lines = _text(path).splitlines()
        told = "".join(
            f"\n  line {_line(lines, key)}: field {key} not found in type {kind}"
            for kind, key in dict.fromkeys(found)
        )
        raise BadConfig(
            f"failed to load config from {path}: parse failed; config contains invalid "
            f"parameters and may be out of date, see server config examples: "
            f"yaml: unmarshal errors:{told}"
        )
    if data.get("servers") and not old:
        raise BadConfig(_OUTDATED)
    if data.get("servers") and data.get("engines"):
        raise BadConfig("cannot specify both servers and engines")


def _unknown(kind: str, data: dict[str, Any], known: set[str]) -> list[tuple[str, str]]:
    package = "config" if kind == "Server" else "engine"
    return [(f"{package}.{kind}", key) for key in data if key not in known]


def _line(lines: list[str], key: str) -> int:
    """The number of the first line that sets a key."""
    pattern = re.compile(rf"[\s{{,-]*{re.escape(key)}\s*:")
    return next((n for n, line in enumerate(lines, 1) if pattern.match(line)), 1)


def server(path: str, version: str) -> ServerConfig:
    """Read daos_server.yml as that release does. Raises BadConfig.

    Source of what each release accepts: src/control/server/config of v1.2.0 and v2.0.2, and
    src/control/server/config.go of v1.0.1, which passes over every key that it does not know.
    """
    data = _read(path)
    if release.is_1_0(version):
        data = _as_1_0(data)
    else:
        _check_keys(path, data, version)
    port = int(data.get("port", PORT))
    engines = [
        EngineConfig(
            index=index,
            targets=int(entry.get("targets", 8)),
            port=int(entry.get("fabric_iface_port", 31416 + 100 * index)),
            scm_mount=str(_scm(entry, "scm_mount") or f"/mnt/daos{index}"),
            scm_bytes=int(_scm(entry, "scm_size") or _SCM_SIZE) * 2**30,
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


def _as_1_0(data: dict[str, Any]) -> dict[str, Any]:
    """What 1.0 sees of a file. Raises BadConfig."""
    seen = {key: value for key, value in data.items() if key != "engines"}
    _check_points(data)
    if not seen.get("servers"):
        raise BadConfig("no DAOS IO Servers specified in configuration")
    return seen


def _check_points(data: dict[str, Any]) -> None:
    """Refuse several access points, as 1.0 does. Raises BadConfig."""
    if len(data.get("access_points") or ()) > 1:
        raise BadConfig("invalid list of access points in configuration")


def _scm(entry: dict[str, Any], key: str) -> Any:
    """What an engine's SCM is given: 2.0 has it in the engine; 2.2 a list of storage tiers."""
    tiers = entry.get("storage") or [{}]
    return entry.get(key) or tiers[0].get(key)


def agent(path: str, version: str) -> ControlConfig:
    """Read daos_agent.yml. Raises BadConfig."""
    data = _read(path)
    if release.is_1_0(version):
        _check_points(data)
    return _where(data, "access_points")


def control(path: str = CONTROL) -> ControlConfig:
    """Read daos_control.yml. Raises BadConfig."""
    return _where(_read(path), "hostlist")


def control_1_0(path: str = CONTROL_1_0) -> ControlConfig:
    """Read daos.yml, in which each host has its port or cannot be reached. Raises BadConfig."""
    data = _read(path)
    _check_points(data)
    hosts = [str(host) for host in data.get("hostlist") or [f"localhost:{PORT}"]]
    return ControlConfig(str(data.get("name", "daos_server")), int(data.get("port", PORT)), hosts)


def _where(data: dict[str, Any], key: str) -> ControlConfig:
    port = int(data.get("port", PORT))
    hosts = [with_port(host, port) for host in data.get(key) or ["localhost"]]
    return ControlConfig(str(data.get("name", "daos_server")), port, hosts)


def _read(path: str) -> dict[str, Any]:
    import yaml  # takes 15 ms, which engines and some calls of dmg need not wait for

    try:
        data = yaml.load(_text(path), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, yaml.YAMLError) as error:
        raise BadConfig(f"{path}: {error}") from error
    if not isinstance(data or {}, dict):
        raise BadConfig(f"{path}: not a set of keys")
    return data or {}


def _text(path: str) -> str:
    with open(path) as file:  # noqa: PTH123 - dmg starts without pathlib
        return file.read()
