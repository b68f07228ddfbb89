"""daos of 1.x, a C program with a manner of its own; each release adds its words to `Tool`.

`daos RESOURCE COMMAND --pool=UUID --cont=UUID`: long options only, no JSON, and its usage where it
does not understand something. Source: src/utils/daos.c and daos_hdlr.c.
"""

import os
import re
import stat
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..client import libdaos
from ..common import options
from ..common.errors import NO_ENTITY

OK, FAILED, WRONG, UNPARSED = 0, 1, 2, 255  # exit codes
LAYOUTS = {"unknown": 0, "POSIX": 1, "HDF5": 2}
_LINK = "user.daos"  # the extended attribute of a path that leads to a container
_FLAGS = ("force", "verbose")
_RESOURCES = {"container": "container", "cont": "container", "pool": "pool"}
_UNKNOWN = "unknown option : 63"

Given = dict[str, str]
Container = dict[str, Any]


class Unparsed(Exception):
    """A command line that cannot be parsed; `with_help` where usage follows."""

    def __init__(self, message: str, with_help: bool = False) -> None:
        super().__init__(message)
        self.with_help = with_help


class Wrong(Exception):
    """A command that lacks something it needs."""


class Failed(Exception):
    """A command that DAOS refused."""


class Tool:
    """The program without what each release says otherwise: the methods that a subclass has."""

    version = ""
    usage = ""
    not_opened = ""  # what could not be done where there is no such container

    def parsed(self, name: str, words: list[str]) -> Given:
        """The options of a command. Raises Unparsed."""
        raise NotImplementedError

    def error(self, error: Exception) -> str:
        """An error of DAOS in its words."""
        raise NotImplementedError

    def service(self, _given: Given) -> list[int]:
        """The ranks of the pool's service, as far as a command has to name them."""
        return []

    def failed(self, what: str, _name: str, error: Exception) -> Failed:
        """What could not be done, to what, and why."""
        return Failed(f"{what}: {self.error(error)}")

    def commands(self) -> dict[tuple[str, str], Callable[[Given], None]]:
        """Its commands, by resource and name."""
        return {
            ("pool", "list-containers"): self._list_containers,
            ("pool", "list-cont"): self._list_containers,
            ("pool", "query"): self.pool_query,
            ("container", "create"): self._create,
            ("container", "query"): self._query,
            ("container", "get-prop"): self._get_prop,
            ("container", "destroy"): self._destroy,
        }

    def pool_query(self, given: Given) -> None:
        raise NotImplementedError

    def container_query(self, pool: str, container: Container, path: str) -> str:
        """The text of a query, which tells a type only of what a path leads to."""
        raise NotImplementedError

    def properties(self, container: Container) -> str:
        """The text of get-prop."""
        raise NotImplementedError

    # Running

    def run(self, argv: list[str]) -> int:
        """Returns the exit code."""
        if argv == ["version"]:
            print(self.version)
            return OK
        if len(argv) < 2 or argv[0] == "help":
            sys.stdout.write(self.usage)
            return OK if not argv or argv[0] == "help" else WRONG
        if argv[0] not in _RESOURCES:
            sys.stderr.write(self.usage)
            return WRONG
        return self._run(_RESOURCES[argv[0]], argv[1], argv[2:])

    def _run(self, resource: str, name: str, words: list[str]) -> int:
        try:
            libdaos.attach()
        except libdaos.DaosError as error:
            print(f"failed to initialize daos: {self.error(error)}", file=sys.stderr)
            return FAILED
        try:
            command, given = self.understood(resource, name, words)
        except Unparsed as error:
            print(f"{error}\nerror parsing command line arguments", file=sys.stderr)
            sys.stderr.write(self.usage if error.with_help else "")
            return UNPARSED
        try:
            command(given)
        except Wrong as error:
            print(error, file=sys.stderr)
            print(f"rc: {WRONG}")
            sys.stderr.write(self.usage)
            return WRONG
        except Failed as error:
            print(error, file=sys.stderr)
            return FAILED
        return OK

    def understood(
        self, resource: str, name: str, words: list[str]
    ) -> tuple[Callable[[Given], None], Given]:
        """A command and its options. Raises Unparsed."""
        command = self.commands().get((resource, name))
        if command is None:
            raise Unparsed(f"invalid {resource} command: {name}", with_help=True)
        return command, self.parsed(name, words)

    # Pools and containers

    @contextmanager
    def pool(self, given: Given) -> Iterator[libdaos.Pool]:
        """Open the pool that a command names."""
        if "pool" not in given:
            raise Wrong("pool UUID required")
        try:
            with libdaos.attach().open_pool(given["pool"], self.service(given)) as pool:
                yield pool
        except libdaos.DaosError as error:
            raise self.failed("failed to connect to pool", given["pool"], error) from error

    @contextmanager
    def _container(self, given: Given) -> Iterator[tuple[str, Container]]:
        """The UUID of a pool, and a container of it."""
        _resolve(given)
        with self.pool(given) as pool:
            name = _container_of(given)
            found = next((c for c in pool.containers() if c["uuid"] == name), None)
            if found is None:
                missing = libdaos.DaosError(NO_ENTITY)
                raise self.failed(self.not_opened, name, missing)
            yield pool.uuid, found

    def _list_containers(self, given: Given) -> None:
        with self.pool(given) as pool:
            for container in pool.containers():
                print(container["uuid"])

    def _query(self, given: Given) -> None:
        with self._container(given) as (pool, found):
            print(self.container_query(pool, found, given.get("path", "")), end="")

    def _get_prop(self, given: Given) -> None:
        with self._container(given) as (_, found):
            print(self.properties(found), end="")

    def _create(self, given: Given) -> None:
        new = given.get("cont") or str(uuid.uuid4())
        with self.pool(given) as pool:
            kind = _layout_of(given)
            if "path" in given:
                _link(given["path"], kind, pool.uuid, new)
            try:
                pool.create_container(_label_of(given), kind, new)
            except libdaos.DaosError as error:
                raise Failed(f"failed to create container: {self.error(error)}") from error
        suffix = f" type {kind}" if "path" in given else ""
        print(f"Successfully created container {new}{suffix}")

    def _destroy(self, given: Given) -> None:
        _resolve(given)
        with self.pool(given) as pool:
            name = _container_of(given)
            try:
                pool.destroy_container(name)
            except libdaos.DaosError as error:
                raise self.failed("failed to destroy container", name, error) from error
        what = f"path {given['path']}" if "path" in given else f"container {name}"
        print(f"Successfully destroyed {what}")


def query_lines(pool: str, container: Container, path: str, more: str = "") -> str:
    """What a query tells in every release; `more` is what a release adds of any container."""
    lines = [
        f"Pool UUID:\t{pool}",
        f"Container UUID:\t{container['uuid']}",
        "Number of snapshots: 0",
        "Latest Persistent Snapshot: 0",
        f"Highest Aggregated Epoch: 0{more}",
    ]
    if path:
        lines.append(f"DAOS Unified Namespace Attributes on path {path}:")
        lines.append(f"Container Type:\t{container['type']}")
    if path and container["type"] == "POSIX":
        lines += ["Object Class:\tSX", "Chunk Size:\t1048576"]
    return "\n".join(lines) + "\n"


def number(error: Exception) -> str:
    """The number of an error of DAOS."""
    found = re.search(r"\((-\d+)\)", str(error))
    return found[1] if found else "-1005"


# The command line


def parsed(command: str, words: list[str], values: Sequence[str], extra: bool = False) -> Given:
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


def _option(command: str, short: str, values: Sequence[str]) -> str:
    known = [*values, *_FLAGS]
    found = [short] if short in known else [name for name in known if name.startswith(short)]
    if len(found) != 1:
        raise Unparsed(f"{command}: unrecognized option '--{short}'\n{_UNKNOWN}", True)
    return found[0]


def _checked(name: str, value: str) -> str:
    """The value of an option, where it can be one."""
    if name in ("pool", "cont"):
        if not options.is_uuid(value):
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


def _container_of(given: Given) -> str:
    if "cont" not in given:
        raise Wrong("container UUID required")
    return given["cont"]


def _label_of(given: Given) -> str:
    """The label that --properties gives a container, "" where it gives none."""
    pairs = [pair for pair in given.get("properties", "").split(",") if ":" in pair]
    return dict(pair.split(":", 1) for pair in pairs).get("label", "")


def _layout_of(given: Given) -> str:
    """The layout of the container that is to be made."""
    kind = given.get("type", "unknown")
    if "path" in given and "type" not in given:
        raise Wrong("create by --path : must also specify --type")
    if "path" not in given and kind != "POSIX":
        kind = "unknown"  # only a path makes it known to be of another type
    return kind


# Paths that lead to containers


def _resolve(given: Given) -> None:
    """With --path, pool and container are those that the path leads to."""
    if "path" not in given:
        return
    if "pool" in given:
        raise Wrong("query by --path : do not specify --pool")
    try:
        target = os.getxattr(given["path"], _LINK).decode()
        _, given["pool"], given["cont"] = re.split(r"://|/", target)[:3]
    except (OSError, ValueError) as error:
        code = getattr(error, "errno", None) or 22
        text = f"could not resolve pool, container by path: {code} {os.strerror(code)}"
        raise Failed(f"{text} {given['path']}") from error


def _link(path: str, kind: str, pool: str, container: str) -> None:
    """Make a path that leads to a container: a folder, for HDF5 a file."""
    try:
        if kind == "POSIX":
            os.mkdir(path)  # noqa: PTH102 - programs of nodes start without pathlib
        else:
            os.mknod(path, stat.S_IFREG | 0o644)
        os.setxattr(path, _LINK, f"DAOS.{kind}://{pool}/{container}".encode())
    except OSError as error:
        raise Failed(f"duns_create_path() error: {error.strerror}") from error
