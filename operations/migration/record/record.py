"""What a migration remembers on the admin node, where it outlives runs that are days apart."""

import json
from collections.abc import Mapping
from dataclasses import asdict, field, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, ConfigDict
from pydantic.dataclasses import dataclass

from ...daos import records

FOLDER = "/var/lib/daos-offline-update"
PATH = f"{FOLDER}/migration.json"
READ = f"test ! -e {PATH} || cat {PATH}"

STAGES = ("check", "backup", "verify", "install", "format", "restore", "finish")
POSIX = "POSIX"

# What a later version of this tool has written besides would be lost when it is written again.
_AS_WRITTEN = ConfigDict(strict=True, extra="forbid")


def _aware(text: str) -> str:
    """A time as it was written here; one without a time zone is none. Raises ValueError."""
    if text and datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return text


@dataclass(frozen=True, config=_AS_WRITTEN)
class Container:
    """A container of the 1.x system, and how far it has come.

    Times are ISO 8601 in UTC, "" where it has not come that far.

    + pool, uuid: its UUIDs in 1.x
    + type: "POSIX", or another that cannot be copied as files
    + label: its name in 2.0
    + files, bytes: what the check counted in it
    + manifest: the SHA-256 of the backup's manifest
    + way: how it was copied, "serial" or "parallel"
    + backed_up: when its files were all copied and its manifest was written
    + verified: when the backup was last read back and equalled that manifest
    + unchanged: when DAOS, with nobody connected, was last seen to hold what the manifest says
    + new_pool, new_uuid: its UUIDs in 2.0
    + restored: when its files were back and equalled the manifest
    """

    pool: str
    uuid: str
    type: str
    label: str = ""
    files: int = 0
    bytes: int = 0
    manifest: str = ""
    way: str = ""
    backed_up: str = ""
    verified: str = ""
    unchanged: str = ""
    new_pool: str = ""
    new_uuid: str = ""
    restored: str = ""

    def __str__(self) -> str:
        return f"container {self.uuid} of pool {self.pool}"


@dataclass(frozen=True, config=_AS_WRITTEN)
class Pool:
    """A pool of the 1.x system.

    + uuid: its UUID in 1.x
    + label: its name in 2.0
    + tier_bytes: its size on each tier, SCM and NVMe, in bytes
    + new_uuid: its UUID in 2.0
    + service: the ranks of its service, which the tools of 1.0 have to be told
    """

    uuid: str
    label: str
    tier_bytes: tuple[int, ...]
    new_uuid: str = ""
    service: tuple[int, ...] = ()


Entry = TypeVar("Entry", Container, Pool)


@dataclass(frozen=True, config=_AS_WRITTEN)
class Migration:
    """A migration that is under way.

    + system: the name of the DAOS system
    + began: when its first stage ran
    + token: what the check wrote into the destination, by which it is known again
    + before, after: the DAOS release that it comes from, and the one it goes to
    + servers: the servers, as the inventory names them
    + ranks: the ranks that were Joined when it was checked
    + pools, containers: what the 1.x system held when it was checked
    + left_behind: the containers that the site has said need not be carried over
    + compared: when DAOS was last seen to hold what the manifests say, right before it was stopped
    + starts: a node's hostname to when its daemons had been started last, by its boot's clock
    + formatting: when the storage began to be reformatted
    + done: the stages that are complete, with the time
    """

    system: str
    began: str
    before: str
    after: str
    token: str = field(default="", kw_only=True)
    servers: tuple[str, ...]
    ranks: tuple[int, ...]
    pools: tuple[Pool, ...]
    containers: tuple[Container, ...]
    left_behind: tuple[str, ...]
    compared: Annotated[str, AfterValidator(_aware)] = ""
    starts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    formatting: str = ""
    done: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def blank(cls) -> Self:
        """The record of a migration of which no stage has run."""
        return cls("", "", "", "", servers=(), ranks=(), pools=(), containers=(), left_behind=())

    @property
    def recorded(self) -> bool:
        """Whether a stage has run, and has left this record."""
        return bool(self.began)

    @property
    def to_carry(self) -> tuple[Container, ...]:
        """The containers whose files are carried over."""
        return tuple(c for c in self._kept if c.type == POSIX)

    @property
    def to_restore(self) -> tuple[Container, ...]:
        """The containers whose files are not back yet."""
        return tuple(container for container in self.to_carry if not container.restored)

    @property
    def undecided(self) -> tuple[Container, ...]:
        """The containers that cannot be carried over, and of which the site has not said so."""
        return tuple(c for c in self._kept if c.type != POSIX)

    @property
    def _kept(self) -> list[Container]:
        return [c for c in self.containers if c.uuid not in self.left_behind]

    @property
    def following(self) -> str:
        """The first stage that is not complete; "" where all are."""
        return next((name for name in STAGES if name not in self.done), "")

    def pool(self, uuid: str) -> Pool:
        """The pool of that UUID in 1.x; raises KeyError."""
        return {pool.uuid: pool for pool in self.pools}[uuid]

    def with_container(self, uuid: str, **changes: Any) -> Self:
        """This record with something changed about one container."""
        return replace(self, containers=_with(self.containers, uuid, changes))

    def with_pool(self, uuid: str, **changes: Any) -> Self:
        """This record with something changed about one pool."""
        return replace(self, pools=_with(self.pools, uuid, changes))

    def with_done(self, stage: str) -> Self:
        """This record with a stage complete; those that build on it have to be done again."""
        later = STAGES[STAGES.index(stage) + 1 :]
        kept = {name: time for name, time in self.done.items() if name not in later}
        return replace(self, done={**kept, stage: now()})

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a record; None where there is none. Raises ValueError if it is damaged."""
        return records.read(cls, text, PATH)

    def text(self) -> str:
        """The record as it stands in its file."""
        return json.dumps(asdict(self), indent=1)


def _with(entries: tuple[Entry, ...], uuid: str, changes: dict[str, Any]) -> tuple[Entry, ...]:
    """The entries, with something changed about the one of that UUID."""
    return tuple(replace(each, **changes) if each.uuid == uuid else each for each in entries)


def now() -> str:
    """The time as records hold it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
