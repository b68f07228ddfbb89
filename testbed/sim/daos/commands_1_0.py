"""daos of release 1.0: as that of 1.2, but it has to be told the ranks of the pool's service.

Errors are bare numbers.
"""

from collections.abc import Callable

from ..client import libdaos
from ..common import ranges, release
from ..dmg import output_1_0
from . import c_tool
from .c_tool import LAYOUTS, Container, Given, Unparsed

_VALUES = (
    *("sys-name", "pool", "svc", "cont", "attr", "value", "path", "type", "oclass"),
    *("chunk_size", "snap", "epc", "epcrange", "oid", "properties", "outfile"),
)
_USAGE = """usage: daos RESOURCE COMMAND [OPTIONS]
resources:
\t  pool             pool
\t  container (cont) container
\t  object (obj)     object
\t  version          print command version
\t  help             print this message and exit

use 'daos help RESOURCE' for resource specifics
"""
_LATER = ("stat", "list-objects", "list-obj", "set-prop", "del-attr", "rollback")


class Tool(c_tool.Tool):
    """The program, with the words of this release."""

    not_opened = "cont open failed"

    def __init__(self) -> None:
        self.version = f"daos version {release.installed()}"
        self.usage = f"daos command (v{release.installed()})\n{_USAGE}"

    def parsed(self, name: str, words: list[str]) -> Given:
        return c_tool.parsed(name, words, _VALUES, extra=True)

    def error(self, error: Exception) -> str:
        return c_tool.number(error)

    def service(self, given: Given) -> list[int]:
        return ranges.listed(given["svc"], ",")

    def understood(
        self, resource: str, name: str, words: list[str]
    ) -> tuple[Callable[[Given], None], Given]:
        """A command and its options, among them the ranks. Raises Unparsed."""
        if name in _LATER:
            self.parsed(name, words)
            raise Unparsed(f"{resource} {name} not yet implemented")
        command, given = super().understood(resource, name, words)
        if "svc" not in given:
            raise Unparsed("--svc must be specified", with_help=True)
        if not self.service(given):
            raise Unparsed(f"failed to parse--svc={given['svc']}", with_help=True)
        return command, given

    def pool_query(self, given: Given) -> None:
        with self.pool(given) as pool:
            found = next(entry for entry in libdaos.attach().pools() if entry["uuid"] == pool.uuid)
        print(output_1_0.pool_query(found, exact=True), end="")

    def container_query(self, pool: str, container: Container, path: str) -> str:
        return c_tool.query_lines(pool, container, path)

    def properties(self, container: Container) -> str:
        """No access control list is kept in the lab."""
        kind = container["type"]
        shown = {
            "label": container["label"] or "container label not set",
            "layout type": f"{LAYOUTS.get(kind, 0)}/{kind}",
            "layout version": "1",
            "checksum type": "0",
            "checksum chunk-size": "32768",
            "checksum verification on server": "0",
            "redundancy factor": "1",
            "redundancy level": "0",
            "max snapshots": "0",
        }
        return (
            "Container properties :\n"
            + "".join(f"{name} -> {value}\n" for name, value in shown.items())
            + "acl ->\nAccess Control List:\n\tVersion: 1\n\tLength: 0\n"
            + "compression type -> 0\nencryption type -> 0\n"
        )


def run(argv: list[str]) -> int:
    """Returns the exit code."""
    return Tool().run(argv)
