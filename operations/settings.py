"""What a site decides in group_data: read and checked before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .releases import Version

TIMEOUTS = ("packages", "service", "stop", "join", "client")


@dataclass(frozen=True)
class Settings:
    """What the site decided.

    + target: the release that every node shall have
    + repositories: distribution name to its "baseurl" and "key"
    + evict: whether pool connections may be evicted
    + timeouts: seconds by kind of waiting
    """

    target: Version
    repositories: Mapping[str, Mapping[str, str]]
    evict: bool
    timeouts: Mapping[str, int]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Settings:
        """Read and check the settings. Raises ValueError that says which one is wrong, and how."""
        for name in ("target_release", "repositories", "evict_connections", "timeouts"):
            if data.get(name) is None:
                raise ValueError(f"{name} is not set")
        target = _target(str(data["target_release"]))
        return cls(
            target,
            _repositories(data["repositories"], target),
            _evict(data["evict_connections"]),
            _timeouts(data["timeouts"]),
        )


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
