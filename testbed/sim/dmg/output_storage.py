"""What dmg prints of the servers' storage and networks, host by host."""

import hashlib
import json

from ..common import ranges
from .output import Plain, bytes_text, table

Hosts = dict[str, list[Plain]]  # "host:port", and the SCM that it has


def storage_format(hosts: dict[str, Plain], errors: dict[str, str]) -> str:
    """`dmg storage format`: devices formatted per host, and the hosts that failed."""
    text = _errors(errors)
    if hosts:
        counts = {host: (str(done["scm"]), str(done["nvme"])) for host, done in hosts.items()}
        rows = [[host, *count] for host, count in sorted(counts.items())]
        text += "Format Summary:\n"
        text += _indented(table(["Hosts", "SCM Devices", "NVMe Devices"], rows))
    return text


def network_scan(hosts: dict[str, Plain], errors: dict[str, str]) -> str:
    """`dmg network scan`: the hosts that have answered, and those that have not."""
    return _errors(errors) + (_indented(",".join(sorted(hosts))) if hosts else "")


def storage_usage(hosts: Hosts, errors: dict[str, str]) -> str:
    """`dmg storage query usage`."""
    short = {host.partition(":")[0]: _described(error) for host, error in errors.items()}
    text = _errors(short)
    if hosts:
        head = [f"{tier}-{what}" for tier in ("SCM", "NVMe") for what in ("Total", "Free", "Used")]
        rows = [[_names(alike), *_used(mounts), *_used([])] for alike, mounts in _alike(hosts)]
        text += table(["Hosts", *head], rows)
    return text


def json_storage_usage(hosts: Hosts, errors: dict[str, str]) -> Plain:
    """The response of `dmg -j storage query usage`.

    The real one calls each set of equal hosts by a hash of its own; here it is another one.
    """
    sets = {
        _hash(mounts): {"storage": _storage(mounts), "hosts": ranges.folded_hosts(alike)}
        for alike, mounts in _alike(hosts)
    }
    return {"host_errors": by_error(errors), "HostStorage": sets or None}


def by_error(errors: dict[str, str]) -> dict[str, str]:
    """Each error with its hosts."""
    told = {error: [h for h in errors if errors[h] == error] for error in errors.values()}
    return {error: ranges.folded_hosts(hosts) for error, hosts in sorted(told.items())}


def _described(error: str) -> str:
    """The description alone, where the error is one of dmg's own."""
    found = error.partition('description = "')[2]
    return found.removesuffix('"') if found else error


def _alike(hosts: Hosts) -> list[tuple[list[str], list[Plain]]]:
    """The hosts that have the same storage, and that storage."""
    groups: dict[str, list[str]] = {}
    for host, mounts in hosts.items():
        groups.setdefault(json.dumps(mounts), []).append(host)
    pairs = [(alike, json.loads(mounts)) for mounts, alike in groups.items()]
    return sorted(pairs, key=lambda pair: ranges.folded_hosts(pair[0]))


def _names(hosts: list[str]) -> str:
    return ",".join(part.partition(":")[0] for part in ranges.folded_hosts(hosts).split(","))


def _used(mounts: list[Plain]) -> list[str]:
    """Total, free and used."""
    total = sum(mount["total_bytes"] for mount in mounts)
    free = sum(mount["avail_bytes"] for mount in mounts)
    share = f"{100 * (total - free) // total} %" if total else "N/A"
    return [bytes_text(total), bytes_text(free), share]


def _hash(mounts: list[Plain]) -> str:
    return str(int.from_bytes(hashlib.sha256(json.dumps(mounts).encode()).digest()[:8], "big"))


def _storage(mounts: list[Plain]) -> Plain:
    return {
        "nvme_devices": None,
        "scm_modules": None,
        "scm_namespaces": [_namespace(mount) for mount in mounts] or None,
        "scm_mount_points": None,
        "smd_info": None,
        "reboot_required": False,
    }


def _namespace(mount: Plain) -> Plain:
    return {
        "uuid": "",
        "blockdev": "ramdisk",
        "dev": "",
        "numa_node": 0,
        "size": mount["total_bytes"],
        "mount": {
            "class": "ram",
            "device_list": None,
            "info": "",
            "path": mount["path"],
            "total_bytes": mount["total_bytes"],
            "avail_bytes": mount["avail_bytes"],
        },
    }


def _errors(errors: dict[str, str]) -> str:
    if not errors:
        return ""
    return "Errors:\n" + _indented(table(["Hosts", "Error"], _by_value(errors))) + "\n"


def _by_value(errors: dict[str, str]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for host, error in sorted(errors.items()):
        groups.setdefault(error, []).append(host)
    return [[",".join(hosts), error] for error, hosts in groups.items()]


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())
