"""DAOS releases: versions, update paths, and what their packages are called. No I/O.

Source: the DAOS documentation ("Updating to DAOS Version 2.0", and the release notes up to 2.8).
"""

import re
from typing import NamedTuple, Self

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


class Version(NamedTuple):
    """A DAOS release: two numbers that name the series, and the fix level."""

    major: int
    minor: int
    fix: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "2.0.3".

        Raises ValueError for anything else; a package's release ("2.0.3-1.el8") is not part of it.
        """
        match = _VERSION.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a DAOS release such as 2.0.3")
        return cls(*map(int, match.groups()))

    @property
    def series(self) -> str:
        """The series, which is also what the repositories are named by: "2.0"."""
        return f"{self.major}.{self.minor}"

    def __str__(self) -> str:
        return f"{self.series}.{self.fix}"


_TO_MIGRATE = (
    "DAOS {} cannot be updated to {} in place, the storage has to be reformatted. To back up, "
    "install anew and restore, type `pyinfra inventory deploys/migrate.py --data stage=check`"
)


def why_not(installed: Version, target: Version, reinstalls: bool = False) -> str | None:
    """Say why a node at `installed` cannot be updated to `target`, or None if it can.

    Only a fix level of the same series is an update here, any number of levels at once; a node that
    is at the target already is no obstacle.

    + reinstalls: whether DAOS is installed anew and its storage reformatted, as a migration does
    """
    if installed.major < 2 <= target.major:
        return None if reinstalls else _TO_MIGRATE.format(installed.series, target)
    if target < installed:
        return (
            f"{target} is lower than the installed {installed}, and an engine must never go back: "
            f"set target_release to {installed} or a later fix level"
        )
    if installed.series != target.series:
        return (
            f"{target} is of another series than the installed {installed}; this procedure "
            f"updates fix levels only: set target_release to a {installed.series} release"
        )
    return None


# The package that gives a node its role, and the daemon in it. `dmg` moved to daos-admin in 2.2.
_PACKAGES = {"servers": "daos-server", "clients": "daos-client", "admins": "daos-client"}


def package(role: str, version: Version) -> str:
    """The package that a node of `role` ("servers", "admins", "clients") needs at `version`."""
    if role == "admins" and version >= Version(2, 2, 0):
        return "daos-admin"
    return _PACKAGES[role]
