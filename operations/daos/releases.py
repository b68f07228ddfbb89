"""DAOS releases: versions, update paths, and what their packages are called. No I/O.

Source: the DAOS documentation ("Updating to DAOS Version 2.0", and the release notes up to 2.8).
"""

import re
from typing import NamedTuple, Self

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-(\d[\w.+~^]*))?")

# The end of a package's release that names the distribution: "1.el8", "4.10.g1a2b3c4.lp153".
_DISTRIBUTION = re.compile(r"\.(el|fc|lp|sle|suse)\w*$")


class Version(NamedTuple):
    """A DAOS release: two numbers that name the series, the fix level, and perhaps the build.

    A hot fix keeps the three numbers, and is another build: the release of its packages is higher
    ("2.0.3-6.el8" over "2.0.3-5.el8").

    + build: which of the builds, "6" on any distribution or "6.el8"; "" for any
    """

    major: int
    minor: int
    fix: int
    build: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "2.0.3", or "2.0.3-6" with a build. Raises ValueError for anything else."""
        match = _VERSION.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a DAOS release such as 2.0.3")
        major, minor, fix, build = match.groups()
        return cls(int(major), int(minor), int(fix), build or "")

    @property
    def level(self) -> Self:
        """The release without its build."""
        return self._replace(build="")

    def lower_than(self, other: "Version") -> bool:
        """Whether this is lower; builds count where both are known."""
        if self.level != other.level or not (self.build and other.build):
            return self.level < other.level
        return _parts(self.build) < _parts(other.build)

    def same_as(self, other: "Version") -> bool:
        """Whether the two are one release; builds count where both are known."""
        return not (self.lower_than(other) or other.lower_than(self))

    def on(self, installed: str) -> str:
        """This release as packages have it that come in place of others.

        + installed: the release of these, which tells the distribution: "2.0.3-5.el8"
        """
        named = not self.build or _DISTRIBUTION.search(self.build)
        distribution = None if named else _DISTRIBUTION.search(installed)
        return f"{self}{distribution[0] if distribution else ''}"

    @property
    def everywhere(self) -> Self:
        """The same without what names the distribution: "2.0.3-6" for "2.0.3-6.el8"."""
        return self._replace(build=_DISTRIBUTION.sub("", self.build))

    @property
    def series(self) -> str:
        """The series, which is also what the repositories are named by: "2.0"."""
        return f"{self.major}.{self.minor}"

    def __str__(self) -> str:
        return f"{self.series}.{self.fix}" + (f"-{self.build}" if self.build else "")


def is_of(installed: str, target: Version) -> bool:
    """Whether a package ("2.0.3-5.el8") is of a release, and of its build where that names one."""
    if not target.build:
        return installed.partition("-")[0] == str(target)
    try:
        return Version.parse(installed).same_as(target)
    except ValueError:
        return False


def _parts(build: str) -> list[tuple[bool, int, str]]:
    """What rpm compares of a build, without the distribution: a number is higher than a word."""
    words = re.findall(r"\d+|[A-Za-z]+", _DISTRIBUTION.sub("", build))
    return [(word.isdigit(), int(word) if word.isdigit() else 0, word) for word in words]


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
    if target.lower_than(installed):
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


def refuses_transparent_pages(version: Version) -> bool:
    """Whether daos_server does not start while transparent huge pages are on.

    Source: commit 62a73466 of DAOS, which is in 2.6.5 and in 2.8, and in no 2.6 before.
    """
    return version.level >= Version(2, 6, 5)


# The package that gives a node its role, and the daemon in it. `dmg` moved to daos-admin in 2.2.
_PACKAGES = {"servers": "daos-server", "clients": "daos-client", "admins": "daos-client"}


def package(role: str, version: Version) -> str:
    """The package that a node of `role` ("servers", "admins", "clients") needs at `version`."""
    if role == "admins" and version >= Version(2, 2, 0):
        return "daos-admin"
    return _PACKAGES[role]
