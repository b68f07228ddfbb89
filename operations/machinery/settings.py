"""What a site decides in group_data: read and checked before anything is touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ..daos import platforms
from ..daos.platforms import Distribution
from ..daos.releases import Version
from .migration_settings import DEFAULTS as _MIGRATION

TIMEOUTS = ("packages", "service", "stop", "join", "client")

_MANDATORY = ("target_release", "repositories", "evict_connections", "timeouts")

# Came later: where a site's group_data does not have them yet, these hold, as shipped.
_DEFAULTS: Mapping[str, Any] = {
    "accepted_systems": {},
    "accepted_exclusions": (),
    "free_space_mib": 512,
    "start_at_boot": True,
    "unreachable_clients": 0,
}

NAMES = (*_MANDATORY, *_DEFAULTS, *_MIGRATION)

_ALIKE = 0.8  # of 1; "evict_connection" is to "evict_connections" 0.97


@dataclass(frozen=True)
class Settings:
    """What the site decided.

    + target: the release that every node shall have
    + repositories: distribution name to its "baseurl" and "key"
    + evict: whether pool connections may be evicted
    + timeouts: seconds by kind of waiting
    + accepted_systems: operating systems that DAOS does not name and the site takes all the same
      ("rocky 8.6"), to the name of the distribution whose packages they take
    + accepted_exclusions: ranks that may be excluded
    + free_space_mib: how much has to be free for packages on every node, in MiB
    + start_at_boot: whether the daemons have to be enabled; None: each node keeps what it has
    + unreachable_clients: how many clients may be left out because they cannot be reached
    """

    target: Version
    repositories: Mapping[str, Mapping[str, str]]
    evict: bool
    timeouts: Mapping[str, int]
    accepted_systems: Mapping[str, str]
    accepted_exclusions: frozenset[int]
    free_space_mib: int
    start_at_boot: bool | None
    unreachable_clients: int

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> tuple[Settings, list[str]]:
        try:
            return cls._read(data), []
        except ValueError as problem:
            empty = cls(None, {}, False, {}, {}, frozenset(), 0, None, 0)  # type: ignore[arg-type]
            return empty, [str(problem)]

    @classmethod
    def _read(cls, data: Mapping[str, Any]) -> Settings:
        """Read and check the settings. Raises ValueError that says which one is wrong, and how."""
        for name in _MANDATORY:
            if data.get(name) is None:
                raise ValueError(f"{name} is not set")
        given = {name: data.get(name, default) for name, default in _DEFAULTS.items()}
        target = _target(str(data["target_release"]))
        return cls(
            target,
            _repositories(data["repositories"], target),
            _evict(data["evict_connections"]),
            _timeouts(data["timeouts"]),
            accepted_systems=_systems(given["accepted_systems"]),
            accepted_exclusions=_ranks(given["accepted_exclusions"]),
            free_space_mib=_count("free_space_mib", given["free_space_mib"]),
            start_at_boot=_start_at_boot(given["start_at_boot"]),
            unreachable_clients=_count("unreachable_clients", given["unreachable_clients"]),
        )

    def distribution(self, system: str) -> Distribution | None:
        """The distribution whose packages an operating system ("rhel 8.5") takes; None for none."""
        name = self.accepted_systems.get(system)
        return platforms.named(name) if name else platforms.distribution(system)


def misspelt(names: Mapping[str, Any]) -> Iterator[str]:
    """What is no setting, and looks as if it was meant to be one, each in a sentence.

    Other names may be the site's own; pyinfra's own begin with ssh_ or an underscore.
    """
    for name in names:
        if name not in NAMES and not name.startswith(("_", "ssh_")):
            for meant in get_close_matches(name, NAMES, n=1, cutoff=_ALIKE):
                yield f"{name} is no setting; did you mean {meant}?"


def differing(hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """The settings that are not the same on all nodes, each to the nodes that differ from most.

    + hosts: node name to its data. One update has one policy: no node can have its own.
    """
    found: dict[str, list[str]] = {}
    for name in NAMES:
        default = _DEFAULTS.get(name, _MIGRATION.get(name))
        by_value: dict[str, list[str]] = {}
        for host, data in hosts.items():
            by_value.setdefault(repr(data.get(name, default)), []).append(host)
        most = max(by_value.values(), key=len, default=[])
        others = [host for same in by_value.values() if same is not most for host in same]
        if others:
            found[name] = others
    return found


def _target(text: str) -> Version:
    try:
        return Version.parse(text)
    except ValueError as problem:
        raise ValueError(f"target_release: {problem}") from None


def _repositories(
    repositories: Mapping[str, Mapping[str, str]], target: Version
) -> Mapping[str, Mapping[str, str]]:
    for name, repository in repositories.items():
        if not {"baseurl", "key"} <= set(repository):
            raise ValueError(f"repositories[{name!r}] lacks its baseurl or its key")
        try:
            repository["baseurl"].format(series=target.series)
        except (ValueError, KeyError, IndexError):
            raise ValueError(f"repositories[{name!r}]: only {{series}} is known") from None
    return repositories


def _evict(evict: object) -> bool:
    if not isinstance(evict, bool):
        raise ValueError(f"evict_connections is {evict!r}, not True or False")
    return evict


def _timeouts(timeouts: Mapping[str, Any]) -> Mapping[str, int]:
    for kind in timeouts:
        if kind not in TIMEOUTS:
            raise ValueError(f"timeouts[{kind!r}] is unknown; there are {', '.join(TIMEOUTS)}")
    for kind in TIMEOUTS:
        if kind not in timeouts:
            raise ValueError(f"timeouts[{kind!r}] is not set")
        seconds = timeouts[kind]
        if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds <= 0:
            raise ValueError(f"timeouts[{kind!r}] is not a number of seconds above 0")
    return timeouts


def _systems(systems: object) -> Mapping[str, str]:
    if not isinstance(systems, Mapping):
        raise ValueError(f"accepted_systems is {systems!r}, not like {{'rocky 8.6': 'EL8'}}")
    for system, name in systems.items():
        if len(str(system).split()) != 2:
            raise ValueError(f"accepted_systems[{system!r}] is not named like 'rocky 8.6'")
        if platforms.named(str(name)) is None:
            known = ", ".join(platforms.NAMES)
            raise ValueError(f"accepted_systems[{system!r}] is {name!r}; there are {known}")
    return systems


def _ranks(ranks: object) -> frozenset[int]:
    if not isinstance(ranks, list | tuple | set | frozenset):
        raise ValueError(f"accepted_exclusions is {ranks!r}, not a list of ranks like [3]")
    for rank in ranks:
        if not _is_count(rank):
            raise ValueError(f"accepted_exclusions: {rank!r} is not a rank such as 3")
    return frozenset(ranks)


def _start_at_boot(start: object) -> bool | None:
    if start is not None and not isinstance(start, bool):
        raise ValueError(f"start_at_boot is {start!r}, not True, False or None")
    return start


def _count(name: str, count: object) -> int:
    if not _is_count(count):
        raise ValueError(f"{name} is {count!r}, not a whole number of 0 or more")
    assert isinstance(count, int)
    return count


def _is_count(count: object) -> bool:
    return isinstance(count, int) and not isinstance(count, bool) and count >= 0
