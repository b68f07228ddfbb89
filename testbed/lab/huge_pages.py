"""What the servers of a lab see as their kernel's setting of transparent huge pages.

DAOS 2.6.5 and later refuse to start where it is not [never]. All containers have the kernel of the
machine that they run on, whose own setting has nothing to do with the lab: so a file of the lab
stands in its place.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from testbed.lab.engine import Mount
from testbed.sim.common import release

PATH = "/sys/kernel/mm/transparent_hugepage/enabled"
NEVER, ALWAYS = "always madvise [never]\n", "[always] madvise never\n"


def write(folder: Path, servers: Sequence[str]) -> None:
    """Write the file of each server, which says [never]."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in servers:
        (folder / name).write_text(NEVER)


def mounts(folder: Path, name: str, roles: frozenset[str], version: str) -> dict[str, Mount]:
    """Where a node has its file: a server from 2.4 on, which may be updated to 2.6.5."""
    if "servers" not in roles or release.numbers(version) < (2, 4):
        return {}
    return {PATH: Mount(str(folder / name), read_only=True)}


@contextmanager
def always(folder: Path, name: str) -> Iterator[None]:
    """A server has them [always], as kernels come, for this block."""
    file = folder / name
    file.write_text(ALWAYS)  # the container has this very file, so it is not replaced
    try:
        yield
    finally:
        file.write_text(NEVER)
