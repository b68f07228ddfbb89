"""daos of release 1.2: the user's tool, as far as a migration needs it.

A C program with a manner of its own: `daos RESOURCE COMMAND --pool=UUID --cont=UUID`, long options
only, no JSON, and its usage where it does not understand something. Source: src/utils/daos.c and
daos_hdlr.c of v1.2.0.
"""

import os
import pwd
import re
import stat
import sys
import uuid
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

from ..client import libdaos
from ..common import release

OK, FAILED, WRONG = 0, 1, 2  # exit codes; a command line that cannot be parsed gives 255
_UNPARSED = 255
_API = "1.2.0"
_LINK = "user.daos"  # the extended attribute of a path that leads to a container
_VALUES = (
    *("sys-name", "pool", "cont", "attr", "value", "path", "src", "dst", "type", "oclass"),
    *("chunk_size", "snap", "epc", "epcrange", "oid", "properties", "outfile", "acl-file"),
    *("entry", "user", "group", "principal"),
)
_FLAGS = ("force", "verbose")
LAYOUTS = {"unknown": 0, "POSIX": 1, "HDF5": 2}
_RESOURCES = {"container": "container", "cont": "container", "pool": "pool"}
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

Given = dict[str, str]


class Unparsed(Exception):
    """A command line that cannot be parsed; `with_help` where usage follows."""

    def __init__(self, message: str, with_help: bool = False) -> None:
        super().__init__(message)
        self.with_help = with_help


class Wrong(Exception):
    """A command that lacks something it needs."""


class Failed(Exception):
    """A command that DAOS refused."""


def main(argv: list[str]) -> int:
    """Returns the exit code."""
    if argv == ["version"]:
        print(f"daos version {release.installed()}, libdaos {_API}")
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
        print(f"failed to initialize daos: {_reason(error)}", file=sys.stderr)
        return FAILED
    try:
        command = COMMANDS.get((resource, name))
        if command is None:
            raise Unparsed(f"invalid {resource} command: {name}", with_help=True)
        given = parsed(name, words)
    except Unparsed as error:
        print(f"{error}\nerror parsing command line arguments", file=sys.stderr)
        if error.with_help:
            _help(sys.stderr)
        return _UNPARSED
    return _done(command, given)


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
    stream.write(f"daos command (v{release.installed()}), libdaos {_API}\n{_USAGE}")


# The command line


def parsed(
    command: str, words: list[str], values: Sequence[str] = _VALUES, extra: bool = False
) -> Given:
    """Options as getopt_long takes them: whole or cut short, with = or a word of their own.

    `values` are those that have a value; with `extra`, other words are passed over. Raises
    Unparsed.
    """
    given: Given = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if re.match("-[^-]", word):
            raise Unparsed(f"{command}: invalid option -- '{word[1]}'\n{_UNKNOWN}", True)
        if not word.startswith("--"):
            if extra:
                continue
            raise Unparsed(f"unexpected extra argument : '{word}'")
        short, equals, value = word[2:].partition("=")
        name = _option(command, short, values)
        if name in _FLAGS:
            given[name] = "yes"
        elif not equals and not rest:
            raise Unparsed(f"{command}: option '--{name}' requires an argument\n{_UNKNOWN}", True)
        else:
            given[name] = _checked(name, value if equals else rest.pop(0))
    return given


_UNKNOWN = "unknown option : 63"


def _option(command: str, short: str, values: Sequence[str]) -> str:
    known = [*values, *_FLAGS]
    found = [short] if short in known else [name for name in known if name.startswith(short)]
    if len(found) != 1:
        raise Unparsed(f"{command}: unrecognized option '--{short}'\n{_UNKNOWN}", True)
    return found[0]


def _checked(name: str, value: str) -> str:
    """The value of an option, where it can be one."""
    if name in ("pool", "cont"):
        if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
            raise Unparsed(f"failed to parse {name} UUID: {value}")
        return value.lower()
    if name == "type":
        types = {kind.lower(): kind for kind in LAYOUTS if kind != "unknown"}
        if value.lower() not in types:
            raise Unparsed(f"unknown container type {value}", with_help=True)
        return types[value.lower()]
    if name == "properties" and ":" not in value:
        raise Unparsed("wrong format for properties")
    return value


# Pools and containers


def _reason(error: Exception) -> str:
    """An error in the words of d_errdesc, with its number."""
    text = str(error)
    number = re.search(r"\((-\d+)\)", text)
    return f"{text.rpartition(': ')[2]} ({number[1] if number else -1005})"


@contextmanager
def _pool(given: Given) -> Any:
    if "pool" not in given:
        raise Wrong("pool UUID required")
    try:
        with libdaos.attach().open_pool(given["pool"]) as pool:
            yield pool
    except libdaos.DaosError as error:
        text = f"failed to connect to pool {given['pool']}: {_reason(error)}"
        raise Failed(text) from error


@contextmanager
def _container(given: Given) -> Any:
    """A pool, and a container of it."""
    resolve(given)
    with _pool(given) as pool:
        if "cont" not in given:
            raise Wrong("container UUID required")
        found = next((c for c in pool.containers() if c["uuid"] == given["cont"]), None)
        if found is None:
            text = "The specified entity does not exist (-1005)"
            raise Failed(f"failed to open container {given['cont']}: {text}")
        yield pool, found


def resolve(given: Given) -> None:
    """With --path, pool and container are those that the path leads to."""
    if "path" not in given:
        return
    if "pool" in given:
        raise Wrong("query by --path : do not specify --pool")
    try:
        target = os.getxattr(given["path"], _LINK).decode()
        _, given["pool"], given["cont"] = re.split(r"://|/", target)[:3]
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None) or 22
        text = f"could not resolve pool, container by path: {number} {os.strerror(number)}"
        raise Failed(f"{text} {given['path']}") from error


def _list_containers(given: Given) -> None:
    with _pool(given) as pool:
        for container in pool.containers():
            print(container["uuid"])


def _pool_query(given: Given) -> None:
    with _pool(given) as pool:
        print(f"Pool {pool.uuid}")


def layout_of(given: Given) -> str:
    """The layout of the container that is to be made."""
    kind = given.get("type", "unknown")
    if "path" in given and "type" not in given:
        raise Wrong("create by --path : must also specify --type")
    if "path" not in given and kind != "POSIX":
        kind = "unknown"  # only a path makes it known to be of another type
    return kind


def _create(given: Given) -> None:
    kind = layout_of(given)
    label = label_of(given)
    new = given.get("cont") or str(uuid.uuid4())
    with _pool(given) as pool:
        if "path" in given:
            link(given["path"], kind, pool.uuid, new)
        try:
            pool.create_container(label, kind, new)
        except libdaos.DaosError as error:
            raise Failed(f"failed to create container: {_reason(error)}") from error
    print(f"Successfully created container {new}" + (f" type {kind}" if "path" in given else ""))


def label_of(given: Given) -> str:
    """The label that --properties gives a container, "" where it gives none."""
    pairs = [pair for pair in given.get("properties", "").split(",") if ":" in pair]
    return dict(pair.split(":", 1) for pair in pairs).get("label", "")


def link(path: str, kind: str, pool: str, container: str) -> None:
    """Make a path that leads to a container: a folder, for HDF5 a file."""
    try:
        if kind == "POSIX":
            os.mkdir(path)  # noqa: PTH102 - programs of nodes start without pathlib
        else:
            os.mknod(path, stat.S_IFREG | 0o644)
        os.setxattr(path, _LINK, f"DAOS.{kind}://{pool}/{container}".encode())
    except OSError as error:
        raise Failed(f"duns_create_path() error: {error.strerror}") from error


def _query(given: Given) -> None:
    with _container(given) as (pool, found):
        print(f"Pool UUID:\t{pool.uuid}")
        print(f"Container UUID:\t{found['uuid']}")
        print("Number of snapshots: 0\nLatest Persistent Snapshot: 0")
        print("Highest Aggregated Epoch: 0\nContainer redundancy factor: 0")
        if "path" in given:
            print(f"DAOS Unified Namespace Attributes on path {given['path']}:")
            print(f"Container Type:\t{found['type']}")
            if found["type"] == "POSIX":
                print("Object Class:\tSX\nChunk Size:\t1048576")


def _get_prop(given: Given) -> None:
    with _container(given) as (_, found):
        owner, group = names(found["uid"], found["gid"])
        lines = [
            f"Container properties for {found['uuid']} :",
            f"label:\t\t\t{found['label'] or 'container label not set'}",
            f"layout type:\t\t{found['type']} ({LAYOUTS.get(found['type'], 0):#x})",
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
            f"owner:\t\t\t{owner}@",
            f"owner-group:\t\t{group}@",
            "status:\t\t\tHEALTHY",
            f"acl:\n# Entries:\nA::OWNER@:{_OWNER_MAY}\nA:G:GROUP@:{_GROUP_MAY}",
        ]
    print("\n".join(lines))


def names(uid: int, gid: int) -> tuple[str, str]:
    import grp

    try:
        return pwd.getpwuid(uid).pw_name, grp.getgrgid(gid).gr_name
    except KeyError:
        return str(uid), str(gid)


def _destroy(given: Given) -> None:
    resolve(given)
    with _pool(given) as pool:
        if "cont" not in given:
            raise Wrong("container UUID required")
        try:
            pool.destroy_container(given["cont"])
        except libdaos.DaosError as error:
            text = f"failed to destroy container {given['cont']}: {_reason(error)}"
            raise Failed(text) from error
    if "path" in given:
        print(f"Successfully destroyed path {given['path']}")
    else:
        print(f"Successfully destroyed container {given['cont']}")


COMMANDS: dict[tuple[str, str], Callable[[Given], None]] = {
    ("pool", "list-containers"): _list_containers,
    ("pool", "list-cont"): _list_containers,
    ("pool", "ls"): _list_containers,
    ("pool", "query"): _pool_query,
    ("container", "create"): _create,
    ("container", "query"): _query,
    ("container", "get-prop"): _get_prop,
    ("container", "destroy"): _destroy,
}
