"""What a site decides about a migration in group_data: read and checked with the other settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from posixpath import normpath
from typing import Any

WAYS = ("serial", "parallel")
AUTO = "auto"

# As group_data/all.py ships them; a site that never migrates need not have them.
DEFAULTS: Mapping[str, Any] = {
    "backup_path": "/backup",
    "copy_way": AUTO,
    "parallel_from_gib": 100,
    "copy_processes": 8,
    "copy_clients": (),
    "mpirun": "mpirun",
    "dcp": "dcp",
    "libioil": "/usr/lib64/libioil.so",
    "leave_behind": (),
    "pool_labels": {},
    "container_labels": {},
    "update_os": True,
}

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# As DAOS 2.0 takes them; what could be a UUID is none.
_LABEL = re.compile(r"[A-Za-z0-9._:-]{1,127}")

_GIB = 1024**3


@dataclass(frozen=True)
class MigrationSettings:
    """What the site decided about a migration.

    + backup_path: the folder outside DAOS that all copying clients share
    + copy_way: "serial", "parallel", or "auto": by the size of each container
    + parallel_from_gib: from which size on "auto" copies in parallel, in GiB
    + copy_processes: processes of a parallel copy
    + copy_clients: the clients that copy, as the inventory names them; none for all of them
    + mpirun, dcp: the programs of a parallel copy, by name or by path
    + libioil: the interception library that copies are run with
    + leave_behind: UUIDs of containers that need not be carried over
    + pool_labels, container_labels: UUID to the label that it gets in 2.0
    + update_os: whether the operating system may be updated in the transaction that brings 2.0
    + system_name: the name of the system as somebody typed it, "" if nobody did
    """

    backup_path: str
    copy_way: str
    parallel_from_gib: int
    copy_processes: int
    copy_clients: tuple[str, ...]
    mpirun: str
    dcp: str
    libioil: str
    leave_behind: tuple[str, ...]
    pool_labels: Mapping[str, str]
    container_labels: Mapping[str, str]
    update_os: bool
    system_name: str

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> MigrationSettings:
        """Read and check the settings. Raises ValueError that says which one is wrong, and how."""
        given = {name: data.get(name, default) for name, default in DEFAULTS.items()}
        return cls(
            backup_path=_path("backup_path", given["backup_path"]),
            copy_way=_way(given["copy_way"]),
            parallel_from_gib=_number("parallel_from_gib", given["parallel_from_gib"], least=0),
            copy_processes=_number("copy_processes", given["copy_processes"], least=1),
            copy_clients=_names("copy_clients", given["copy_clients"]),
            mpirun=_word("mpirun", given["mpirun"]),
            dcp=_word("dcp", given["dcp"]),
            libioil=_path("libioil", given["libioil"]),
            leave_behind=_uuids("leave_behind", _names("leave_behind", given["leave_behind"])),
            pool_labels=_labels("pool_labels", given["pool_labels"]),
            container_labels=_labels("container_labels", given["container_labels"]),
            update_os=_truth("update_os", given["update_os"]),
            system_name=str(data.get("system", "")),
        )

    def way(self, size: int) -> str:
        """How a container of this size, in bytes, is copied: "serial" or "parallel"."""
        if self.copy_way != AUTO:
            return self.copy_way
        return "parallel" if size >= self.parallel_from_gib * _GIB else "serial"

    def pool_label(self, uuid: str) -> str:
        """The label of a pool in 2.0."""
        return self.pool_labels.get(uuid, f"pool-{uuid[:8]}")

    def container_label(self, uuid: str) -> str:
        """The label of a container in 2.0."""
        return self.container_labels.get(uuid, f"cont-{uuid[:8]}")


def _path(name: str, path: object) -> str:
    if not isinstance(path, str) or not path.startswith("/") or not normpath(path).strip("/"):
        raise ValueError(f"{name} is {path!r}, not the full path of a folder of its own")
    return f"/{normpath(path).lstrip('/')}"


def _word(name: str, word: object) -> str:
    if not isinstance(word, str) or not word:
        raise ValueError(f"{name} is {word!r}, not a program's name or path")
    return word


def _way(way: object) -> str:
    if way not in (AUTO, *WAYS):
        raise ValueError(f"copy_way is {way!r}; there are {AUTO}, {', '.join(WAYS)}")
    return str(way)


def _number(name: str, number: object, least: int) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or number < least:
        raise ValueError(f"{name} is {number!r}, not a whole number of {least} or more")
    return number


def _truth(name: str, truth: object) -> bool:
    if not isinstance(truth, bool):
        raise ValueError(f"{name} is {truth!r}, not True or False")
    return truth


def _names(name: str, names: object) -> tuple[str, ...]:
    """A list, or one string with commas, as it comes from the command line."""
    if isinstance(names, str):
        names = [part.strip() for part in names.split(",") if part.strip()]
    if not isinstance(names, list | tuple) or not all(isinstance(part, str) for part in names):
        raise ValueError(f"{name} is {names!r}, not a list of names")
    return tuple(names)


def _uuids(name: str, uuids: tuple[str, ...]) -> tuple[str, ...]:
    lowered = tuple(uuid.lower() for uuid in uuids)
    for uuid in lowered:
        if not UUID.fullmatch(uuid):
            raise ValueError(f"{name}: {uuid!r} is not the UUID of a container")
    return lowered


def _labels(name: str, labels: object) -> Mapping[str, str]:
    if not isinstance(labels, Mapping):
        raise ValueError(f"{name} is {labels!r}, not like {{UUID: 'label'}}")
    for uuid, label in labels.items():
        _uuids(name, (str(uuid),))
        if not _LABEL.fullmatch(str(label)) or UUID.fullmatch(str(label).lower()):
            raise ValueError(
                f"{name}[{uuid!r}] is {label!r}: a label has up to 127 letters, digits and . _ : -"
            )
    return {str(uuid).lower(): str(label) for uuid, label in labels.items()}
