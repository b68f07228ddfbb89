"""Operating systems: what they call themselves, and which a series of DAOS supports."""

from __future__ import annotations

import pytest

from operations.daos import platforms


@pytest.mark.parametrize(
    ("os_id", "version", "release", "expected"),
    [
        ("centos", "7", "CentOS Linux release 7.9.2009 (Core)", "centos 7.9"),
        ("centos", "8", "CentOS Linux release 8.5.2111", "centos 8.5"),
        ("centos", "8", "CentOS Stream release 8", "centos-stream 8"),
        ("centos", "8", "", "centos 8"),
        ("rhel", "8.4", "Red Hat Enterprise Linux release 8.4 (Ootpa)", "rhel 8.4"),
        ("rocky", "8.6", "Rocky Linux release 8.6 (Green Obsidian)", "rocky 8.6"),
        ("opensuse-leap", "15.3", "", "opensuse-leap 15.3"),
        ("debian", "", "", "debian"),
    ],
)
def test_a_system_is_named_with_its_minor_release(
    os_id: str, version: str, release: str, expected: str
) -> None:
    assert platforms.system(os_id, version, release) == expected


@pytest.mark.parametrize(
    ("system", "series"),
    [
        *((f"{name} 7.9", series) for name in ("centos", "rhel") for series in ("2.0", "2.2")),
        *((f"{name} 8.{minor}", "2.0") for name in ("centos", "rhel") for minor in (4, 5)),
        *((f"{name} 15.3", series) for name in ("opensuse-leap", "sles") for series in ("2.0",)),
        ("rocky 8.6", "2.2"),
        ("rhel 8.6", "2.2"),
        ("almalinux 8.8", "2.4"),
        ("sles 15.4", "2.4"),
        ("rhel 8.10", "2.6"),
        ("rocky 9.4", "2.6"),
        ("opensuse-leap 15.6", "2.6"),
        ("almalinux 9.6", "2.8"),
        ("sles 15.7", "2.8"),
        ("rhel 8.8", "3.0"),  # no table: the distribution is all that is known
    ],
)
def test_what_is_supported(system: str, series: str) -> None:
    assert platforms.is_supported(system, series)
    assert platforms.distribution(system)


@pytest.mark.parametrize(
    ("system", "series"),
    [
        ("centos 7.8", "2.0"),
        ("centos 8", "2.0"),
        ("centos-stream 8", "2.0"),
        ("rocky 8.6", "2.0"),
        ("rhel 8.6", "2.0"),
        ("rhel 8.5", "2.2"),
        ("sles 15.4", "2.0"),
        ("debian 12", "2.0"),
        ("debian 12", "2.6"),
        ("centos 7.9", "2.4"),
        ("rocky 9.3", "2.6"),
        ("rhel 8.10", "2.8"),
        ("opensuse-leap 15.7", "2.8"),
        ("", "2.0"),
    ],
)
def test_what_is_not_supported(system: str, series: str) -> None:
    assert not platforms.is_supported(system, series)


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("centos 7.9", "CentOS7"),
        ("rhel 8.5", "EL8"),
        ("sles 15.3", "Leap15"),
        ("centos-stream 8", None),
        ("rhel 9.4", "EL9"),
        ("almalinux 8.8", "EL8"),
        ("rocky 10.0", None),
        ("", None),
    ],
)
def test_the_distribution_whose_packages_a_system_takes(system: str, expected: str | None) -> None:
    found = platforms.distribution(system)
    assert (found and found.name) == expected


def test_systems_in_words() -> None:
    assert platforms.in_words(["a", "b", "c"]) == "a, b or c"
    assert platforms.in_words(["a"]) == "a"
