"""What an update remembers on every node while it is under way: /var/lib/daos-offline-update.

Services are disabled for the time of the offline window, so that a node which reboots does not
start DAOS by itself; what they were before has to outlive that reboot, and the run that began.
"""

import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, field, fields, replace
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Self, TypeVar

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, WrapValidator
from pydantic.dataclasses import dataclass

from . import names, node_sets, records

FOLDER = "/var/lib/daos-offline-update"
PATH = f"{FOLDER}/window.json"
STARTS = f"{FOLDER}/starts"  # what daos_server was started on meanwhile, see start_trace.py


T = TypeVar("T")

_MANY = 64  # servers or ranks: each node remembers them all

# What stands in commands as it is.
_Word = Annotated[str, AfterValidator(names.word)]


def _time(value: object) -> object:
    """Of all that pydantic takes for a time, numbers among them, what was written here alone."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


# Thousands of nodes remember the same servers and ranks: they are read once, and are one object.
_servers = lru_cache(maxsize=16)(lambda text: tuple(node_sets.unfold(text)))
_ranks = lru_cache(maxsize=16)(lambda text: tuple(node_sets.unfold_ranks(text)))


def _folded(unfold: Callable[[str], object]) -> WrapValidator:
    """A list, or many of them folded."""

    def read(said: object, checked: Callable[[object], object]) -> object:
        if isinstance(said, str):
            return unfold(said)
        return checked(tuple(said) if isinstance(said, list) else said)

    return WrapValidator(read)


@dataclass(frozen=True, config=ConfigDict(strict=True))
class Had:
    """What a node had before the update: of these, meanings as of `Record`."""

    release: str
    enabled: tuple[str, ...]
    running: tuple[str, ...]


@dataclass(frozen=True, config=ConfigDict(strict=True))
class Record:
    """One node's memory of an update that is under way.

    + began: when the first run of this update opened its window, UTC
    + release: the DAOS release that the node had before
    + enabled: the units that started at boot before
    + running: the units that ran before
    + ranks: the ranks of the system that were Joined before
    + pools: the pools of before, label by UUID
    + servers: the servers of the system, as the inventory names them
    + started: the release whose engines may have been started on this node since; "" for none
    + dependencies: what the node had before, of what was updated with DAOS: each as rpm names it
      ("spdk-tools-21.07-8.noarch"), with the epoch before the version if it has one
    + units: the units that it stops and starts, by their daemons, where they are not DAOS's own
    + had: on servers, what every node had, by the nodes' own host names, folded; see rules/memory
    """

    began: Annotated[AwareDatetime, BeforeValidator(_time)]
    release: str
    enabled: tuple[str, ...]
    running: tuple[str, ...]
    ranks: Annotated[tuple[int, ...], _folded(_ranks)]
    pools: Mapping[str, str]
    servers: Annotated[tuple[str, ...], _folded(_servers)]
    started: str
    dependencies: tuple[_Word, ...] = ()
    had: Mapping[str, Had] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a record; None where there is none. Raises ValueError if it is damaged."""
        return records.read(cls, text, PATH)

    def text(self) -> str:
        """The record as it stands in its file, on one line."""
        # `asdict` would copy the names of all servers one by one, for each node.
        content = {it.name: getattr(self, it.name) for it in fields(self)}
        content |= {"began": self.began.isoformat()}
        content |= {"had": {name: asdict(had) for name, had in self.had.items()}}
        content["servers"] = _written(self.servers, node_sets.fold, _servers)
        content["ranks"] = _written(self.ranks, node_sets.fold_ranks, _ranks)
        if not self.dependencies:  # then it is as it was written ever since
            del content["dependencies"]
        for name in ("had", "units"):
            if not content[name]:
                del content[name]
        return json.dumps(content)

    def starting(self, release: str) -> Self:
        """This record, with the mark that engines of a release are started on its node."""
        return replace(self, started=release)

    def replacing(self, dependencies: Iterable[str]) -> Self:
        """This record, with what else is about to be updated; what it remembers already stays."""
        known = set(map(name_of, self.dependencies))
        more = (package for package in dependencies if name_of(package) not in known)
        return replace(self, dependencies=(*self.dependencies, *more))


@lru_cache(maxsize=16)
def _written(
    many: tuple[T, ...], fold: Callable[[Iterable[T]], str], unfold: Callable[[str], Iterable[T]]
) -> tuple[T, ...] | str:
    """Servers or ranks as they are written, folded where they are many; their order says nothing.

    A few are written as a list, as older versions of this tool can read them.
    """
    if len(many) > _MANY:
        with suppress(ValueError):
            if set(unfold(folded := fold(many))) == set(many):
                return folded
    return many


def name_of(package: str) -> str:
    """The name in "spdk-tools-21.07-8.noarch"."""
    return package.rsplit("-", 2)[0]


def save(record: Record) -> str:
    """The shell command that writes a record such that it is whole or not there at all."""
    draft = f"{PATH}.new"
    return (
        f"mkdir -p {FOLDER} && rm -f {draft}"
        f" && (umask 077 && printf '%s\\n' {shlex.quote(record.text())} > {draft})"
        f" && sync {draft} && mv {draft} {PATH} && sync {FOLDER}"
    )


def forget() -> str:
    """The shell command that removes what is remembered, once the node has it all back."""
    return f"rm -f {STARTS} {PATH} && sync {FOLDER}"
