"""What a site decides about a migration in group_data: read and checked with the other settings."""

from posixpath import normpath
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from ..daos.names import LABEL, UUID
from .validation import Count, Site, Truth, one_of, otherwise

# What the procedure of a migration asks for in `--data` besides settings.
WORDS = ("stage", "system")

AUTO = "auto"

_GIB = 1024**3


def _own_folder(path: str) -> str:
    whole = f"/{normpath(path).lstrip('/')}"
    if not path.startswith("/") or whole == "/":
        raise ValueError
    return whole


def _listed(names: object) -> object:
    """A list, or one string with commas, as it comes from the command line."""
    if isinstance(names, str):
        return tuple(part.strip() for part in names.split(",") if part.strip())
    return tuple(names) if isinstance(names, list) else names


_Path = Annotated[
    str,
    AfterValidator(_own_folder),
    otherwise("{name} is {value!r}, not the full path of a folder of its own"),
]
_Program = Annotated[
    str, Field(min_length=1), otherwise("{name} is {value!r}, not a program's name or path")
]
_Uuid = Annotated[
    str,
    Field(pattern=f"^(?i:{UUID.pattern})$"),
    AfterValidator(str.lower),
    otherwise("{name}: {value!r} is not the UUID of a container"),
]
_LIST = otherwise("{name} is {value!r}, not a list of names")
_Label = Annotated[
    str,
    Field(pattern=LABEL),
    BeforeValidator(str),
    otherwise("{where} is {value!r}: a label has up to 127 letters, digits and . _ : -"),
]
_Labels = Annotated[
    dict[_Uuid, _Label], otherwise("{name} is {value!r}, not like {{UUID: 'label'}}")
]


class MigrationSettings(Site):
    """What the site decided about a migration.

    + backup_path: the folder outside DAOS that all copying clients share
    + copy_way: "serial", "parallel", or "auto": by the size of each container
    + parallel_from_gib: from which size on "auto" copies in parallel, in GiB
    + copy_processes: processes of a parallel copy
    + copy_clients: the clients that copy, as the inventory names them; none for all of them
    + mpirun, dcp: the programs of a parallel copy, by name or by path
    + copy_needs: folders that dcp needs besides those of the system
    + libioil: the interception library that copies are run with
    + leave_behind: UUIDs of containers that need not be carried over
    + pool_labels, container_labels: UUID to the label that it gets in 2.0
    + update_os: whether the operating system may be updated in the transaction that brings 2.0
    + system_name: the name of the system as somebody typed it, "" if nobody did
    """

    backup_path: _Path = "/backup"
    copy_way: Annotated[str, one_of((AUTO, "serial", "parallel"))] = AUTO
    parallel_from_gib: Count = 100
    copy_processes: Annotated[
        int, Field(ge=1), otherwise("{name} is {value!r}, not a whole number of 1 or more")
    ] = 8
    copy_clients: Annotated[tuple[str, ...], BeforeValidator(_listed), _LIST] = ()
    mpirun: _Program = "mpirun"
    dcp: _Program = "dcp"
    copy_needs: Annotated[tuple[_Path, ...], BeforeValidator(_listed), _LIST] = ()
    libioil: _Path = "/usr/lib64/libioil.so"
    leave_behind: Annotated[tuple[_Uuid, ...], BeforeValidator(_listed), _LIST] = ()
    pool_labels: _Labels = Field({})
    container_labels: _Labels = Field({})
    update_os: Truth = True
    system_name: Annotated[str, BeforeValidator(str)] = Field("", alias="system")

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


# As group_data/all.py ships them; a site that never migrates need not have them.
DEFAULTS = {name: it for name, it in MigrationSettings.defaults().items() if name != "system"}
