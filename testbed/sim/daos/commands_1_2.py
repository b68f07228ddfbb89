"""daos of release 1.2, as far as a migration needs it; its errors are names and numbers."""

from collections.abc import Callable

from ..common import release, users
from . import c_tool
from .c_tool import LAYOUTS, Container, Failed, Given

_API = "1.2.0"
_VALUES = (
    *("sys-name", "pool", "cont", "attr", "value", "path", "src", "dst", "type", "oclass"),
    *("chunk_size", "snap", "epc", "epcrange", "oid", "properties", "outfile", "acl-file"),
    *("entry", "user", "group", "principal"),
)
_USAGE = """usage: daos RESOURCE COMMAND [OPTIONS]
resources:
\t  pool             pool
\t  container (cont) container
\t  filesystem (fs)  copy to and from a POSIX filesystem
\t  object (obj)     object
\t  version          print command version
\t  help             print this message and exit

use 'daos help RESOURCE' for resource specifics
"""
_OWNER_MAY, _GROUP_MAY = "rwdtTaAo", "rwtT"


class Tool(c_tool.Tool):
    """The program, with the words of this release."""

    not_opened = "failed to open container"

    def __init__(self) -> None:
        self.version = f"daos version {release.installed()}, libdaos {_API}"
        self.usage = f"daos command (v{release.installed()}), libdaos {_API}\n{_USAGE}"

    def parsed(self, name: str, words: list[str]) -> Given:
        return c_tool.parsed(name, words, _VALUES)

    def error(self, error: Exception) -> str:
        """In the words of d_errdesc, with its number."""
        return f"{str(error).rpartition(': ')[2]} ({c_tool.number(error)})"

    def failed(self, what: str, name: str, error: Exception) -> Failed:
        return super().failed(f"{what} {name}", name, error)

    def commands(self) -> dict[tuple[str, str], Callable[[Given], None]]:
        known = super().commands()
        return {**known, ("pool", "ls"): known["pool", "list-containers"]}

    def pool_query(self, given: Given) -> None:
        with self.pool(given) as pool:
            print(f"Pool {pool.uuid}")

    def container_query(self, pool: str, container: Container, path: str) -> str:
        more = "\nContainer redundancy factor: 0"
        return c_tool.query_lines(pool, container, path, more)

    def properties(self, container: Container) -> str:
        kind = container["type"]
        lines = [
            f"Container properties for {container['uuid']} :",
            f"label:\t\t\t{container['label'] or 'container label not set'}",
            f"layout type:\t\t{kind} ({LAYOUTS.get(kind, 0):#x})",
            "layout version:\t\t1",
            "checksum type:\t\toff",
            "checksum chunk-size:\t32768",
            "cksum verif. on server:\toff",
            "deduplication:\t\toff",
            "dedup threshold:\t4096",
            "redundancy factor:\trf0",
            "redundancy level:\track",
            "max snapshots:\t\t0",
            "compression type:\toff",
            "encryption type:\toff",
            "Allocated OID:\t\t0",
            f"owner:\t\t\t{users.user(container['uid'])}@",
            f"owner-group:\t\t{users.group(container['gid'])}@",
            "status:\t\t\tHEALTHY",
            f"acl:\n# Entries:\nA::OWNER@:{_OWNER_MAY}\nA:G:GROUP@:{_GROUP_MAY}",
        ]
        return "\n".join(lines) + "\n"


def run(argv: list[str]) -> int:
    """Returns the exit code."""
    return Tool().run(argv)
