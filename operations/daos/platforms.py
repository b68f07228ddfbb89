"""The operating systems that DAOS is published for and supported on. No I/O.

Source: "Supported operating systems" and the release notes of DAOS 2.0 and 2.2, and
docs/release/support_matrix.md of v2.4.2, v2.6.5 and v2.8.0.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from .package_managers import Dnf, PackageManager, Yum, Zypper


@dataclass(frozen=True)
class Distribution:
    """A distribution that DAOS packages are published for.

    + name: the folder of the repository, as the project names it
    + manager: its package manager
    + systems: the operating systems that it is for, by ID and the first number of VERSION_ID
    """

    name: str
    manager: PackageManager
    systems: Collection[str]


_DISTRIBUTIONS = (
    Distribution("CentOS7", Yum(), ("centos 7", "rhel 7")),
    Distribution("EL8", Dnf(), ("centos 8", "rhel 8", "rocky 8", "almalinux 8")),
    Distribution("EL9", Dnf(), ("rhel 9", "rocky 9", "almalinux 9")),
    Distribution("Leap15", Zypper(), ("opensuse-leap 15", "sles 15")),
)
_NAMED = {distribution.name: distribution for distribution in _DISTRIBUTIONS}
NAMES = tuple(_NAMED)

_ENTERPRISE = ("rhel", "rocky", "almalinux")


def _on(names: Collection[str], *minors: str) -> tuple[str, ...]:
    """Each of these systems in each of these minor releases."""
    return tuple(f"{name} {minor}" for name in names for minor in minors)


# Of a series that is not here the distribution is all that is known. A minor release that only
# some fix levels of a series support counts for all of them.
_SUSE = ("opensuse-leap", "sles")
_SUPPORTED: Mapping[str, Collection[str]] = {
    "2.0": (
        *("centos 7.9", "rhel 7.9", "centos 8.4", "centos 8.5", "rhel 8.4", "rhel 8.5"),
        *("opensuse-leap 15.3", "sles 15.3"),
    ),
    "2.2": (
        *("centos 7.9", "rhel 7.9", "rhel 8.4", "rhel 8.6", "rocky 8.6"),
        *("opensuse-leap 15.3", "sles 15.3"),
    ),
    "2.4": _on(_ENTERPRISE, "8.6", "8.8") + _on(_SUSE, "15.4", "15.5"),
    "2.6": _on(_ENTERPRISE, "8.8", "8.10", "9.2", "9.4") + _on(_SUSE, "15.5", "15.6"),
    "2.8": (*_on(_ENTERPRISE, "9.6", "9.7"), *_on(_SUSE, "15.6"), "sles 15.7"),
}

# "CentOS Linux release 7.9.2009 (Core)", "CentOS Stream release 8"
_RELEASE = re.compile(r"release (\d+(?:\.\d+)?)")


def system(os_id: str, os_version: str, release: str) -> str:
    """An operating system by its ID and its version with the minor: "centos 7.9".

    + os_id, os_version: ID and VERSION_ID of /etc/os-release
    + release: the line of /etc/redhat-release, or "". CentOS tells its minor release there alone,
      and it tells CentOS Stream, which is another system, from CentOS Linux.
    """
    if os_id != "centos":
        return f"{os_id} {os_version}".strip()
    minor = _RELEASE.search(release)
    return (
        f"{'centos-stream' if 'Stream' in release else os_id} {minor[1] if minor else os_version}"
    )


def named(name: str) -> Distribution | None:
    """The distribution of this name ("EL8"); None where no packages are published for it."""
    return _NAMED.get(name)


def distribution(system: str) -> Distribution | None:
    """The distribution of an operating system ("rhel 8.5"); None where there is none."""
    release = system.partition(".")[0]
    return next((found for found in _NAMED.values() if release in found.systems), None)


def named_by_site(system: str, repositories: Collection[str]) -> Distribution | None:
    """The distribution of an Enterprise Linux for which the site alone knows of packages.

    + system: the operating system ("rocky 9.4")
    + repositories: the names of what the site has repositories for ("EL9")
    """
    name = enterprise(system)
    return Distribution(name, Dnf(), ()) if name in repositories and name not in _NAMED else None


def enterprise(system: str) -> str:
    """What DAOS calls the packages for an Enterprise Linux ("EL9"); "" for any other system."""
    os_id, _, version = system.partition(" ")
    return f"EL{version.partition('.')[0]}" if os_id in _ENTERPRISE else ""


def supported(series: str) -> Collection[str]:
    """The operating systems that a series ("2.0") supports; empty where that is not known here."""
    return _SUPPORTED.get(series, ())


def is_supported(system: str, series: str) -> bool:
    """Whether DAOS supports an operating system; every one with packages where no table says."""
    known = supported(series)
    return system in known if known else distribution(system) is not None


def in_words(systems: Iterable[str]) -> str:
    """Operating systems as one lists them: "centos 7.9, rhel 8.4 or sles 15.3"."""
    *most, last = systems
    return f"{', '.join(most)} or {last}" if most else last
