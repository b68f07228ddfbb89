"""daos of release 1.0: as that of 1.2, but it has to be told the ranks of the pool's service.

Errors are bare numbers. Source: src/utils/daos.c and daos_hdlr.c of v1.0.1.
"""

import re
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..client import libdaos
from ..common import ranges, release
from ..dmg import output_1_0
from . import daos_1
from .daos_1 import FAILED, OK, WRONG, Failed, Given, Unparsed, Wrong

_UNPARSED = 255
_VALUES = (
    *("sys-name", "pool", "svc", "cont", "attr", "value", "path", "type", "oclass"),
    *("chunk_size", "snap", "epc", "epcrange", "oid", "properties", "outfile"),
)
_RESOURCES = {"container": "container", "cont": "container", "pool": "pool"}
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


def main(argv: list[str]) -> int:
    """Returns the exit code."""
    if argv == ["version"]:
        print(f"daos version {release.installed()}")
        return OK
    if len(argv) < 2 or argv[0] == "help":
        _help(sys.stdout)
        return OK if not argv or argv[0] == "help" else WRONG
    if argv[0] not in _RESOURCES:
        _help(sys.stderr)
        return WRONG
    return _run(_RESOURCES[argv[0]], argv[1], argv[2:])


def _run(resource: str, name: str, words: list[str]) -> int:
    try:
        libdaos.attach()
    except libdaos.DaosError as error:
        print(f"failed to initialize daos: {_number(error)}", file=sys.stderr)
        return FAILED
    try:
        command, given = _understood(resource, name, words)
    except Unparsed as error:
        print(f"{error}\nerror parsing command line arguments", file=sys.stderr)
        if error.with_help:
            _help(sys.stderr)
        return _UNPARSED
    return _done(command, given)


def _understood(
    resource: str, name: str, words: list[str]
) -> tuple[Callable[[Given], None], Given]:
    """The command and its options, among them the ranks. Raises Unparsed."""
    command = COMMANDS.get((resource, name))
    if command is None and name not in _LATER:
        raise Unparsed(f"invalid {resource} command: {name}", with_help=True)
    given = daos_1.parsed(name, words, _VALUES, extra=True)
    if command is None:
        raise Unparsed(f"{resource} {name} not yet implemented")
    if "svc" not in given:
        raise Unparsed("--svc must be specified", with_help=True)
    if not ranges.listed(given["svc"], ","):
        raise Unparsed(f"failed to parse--svc={given['svc']}", with_help=True)
    return command, given


def _done(command: Callable[[Given], None], given: Given) -> int:
    try:
        command(given)
    except Wrong as error:
        print(error, file=sys.stderr)
        print(f"rc: {WRONG}")
        _help(sys.stderr)
        return WRONG
    except Failed as error:
        print(error, file=sys.stderr)
        return FAILED
    return OK


def _help(stream: Any) -> None:
    stream.write(f"daos command (v{release.installed()})\n{_USAGE}")


def _number(error: Exception) -> str:
    found = re.search(r"\((-\d+)\)", str(error))
    return found[1] if found else "-1005"


# Pools and containers


@contextmanager
def _pool(given: Given) -> Iterator[libdaos.Pool]:
    if "pool" not in given:
        raise Wrong("pool UUID required")
    try:
        with libdaos.attach().open_pool(given["pool"], ranges.listed(given["svc"], ",")) as pool:
            yield pool
    except libdaos.DaosError as error:
        raise Failed(f"failed to connect to pool: {_number(error)}") from error


@contextmanager
def _container(given: Given) -> Iterator[tuple[libdaos.Pool, dict[str, Any]]]:
    """A pool, and a container of it."""
    daos_1.resolve(given)
    with _pool(given) as pool:
        if "cont" not in given:
            raise Wrong("container UUID required")
        found = next((c for c in pool.containers() if c["uuid"] == given["cont"]), None)
        if found is None:
            raise Failed("cont open failed: -1005")
        yield pool, found


def _list_containers(given: Given) -> None:
    with _pool(given) as pool:
        for container in pool.containers():
            print(container["uuid"])


def _pool_query(given: Given) -> None:
    with _pool(given) as pool:
        found = next(entry for entry in libdaos.attach().pools() if entry["uuid"] == pool.uuid)
    print(output_1_0.exact_pool_query(found), end="")


def _create(given: Given) -> None:
    new = given.get("cont") or str(uuid.uuid4())
    with _pool(given) as pool:
        kind = daos_1.layout_of(given)
        if "path" in given:
            daos_1.link(given["path"], kind, pool.uuid, new)
        try:
            pool.create_container(daos_1.label_of(given), kind, new)
        except libdaos.DaosError as error:
            raise Failed(f"failed to create container: {_number(error)}") from error
    print(f"Successfully created container {new}" + (f" type {kind}" if "path" in given else ""))


def _query(given: Given) -> None:
    with _container(given) as (pool, found):
        print(container_query(pool.uuid, found, given.get("path", "")), end="")


def container_query(pool: str, container: dict[str, Any], path: str) -> str:
    """The text of `daos container query`, which tells a type only of what a path leads to."""
    lines = [
        f"Pool UUID:\t{pool}",
        f"Container UUID:\t{container['uuid']}",
        "Number of snapshots: 0",
        "Latest Persistent Snapshot: 0",
        "Highest Aggregated Epoch: 0",
    ]
    if path:
        lines.append(f"DAOS Unified Namespace Attributes on path {path}:")
        lines.append(f"Container Type:\t{container['type']}")
    if path and container["type"] == "POSIX":
        lines += ["Object Class:\tSX", "Chunk Size:\t1048576"]
    return "\n".join(lines) + "\n"


def _get_prop(given: Given) -> None:
    with _container(given) as (_, found):
        print(properties(found), end="")


def properties(container: dict[str, Any]) -> str:
    """The text of `daos container get-prop`; no access control list is kept in the lab."""
    kind = container["type"]
    shown = {
        "label": container["label"] or "container label not set",
        "layout type": f"{daos_1.LAYOUTS.get(kind, 0)}/{kind}",
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


def _destroy(given: Given) -> None:
    daos_1.resolve(given)
    with _pool(given) as pool:
        if "cont" not in given:
            raise Wrong("container UUID required")
        try:
            pool.destroy_container(given["cont"])
        except libdaos.DaosError as error:
            raise Failed(f"failed to destroy container: {_number(error)}") from error
    if "path" in given:
        print(f"Successfully destroyed path {given['path']}")
    else:
        print(f"Successfully destroyed container {given['cont']}")


COMMANDS: dict[tuple[str, str], Callable[[Given], None]] = {
    ("pool", "list-containers"): _list_containers,
    ("pool", "list-cont"): _list_containers,
    ("pool", "query"): _pool_query,
    ("container", "create"): _create,
    ("container", "query"): _query,
    ("container", "get-prop"): _get_prop,
    ("container", "destroy"): _destroy,
}
