"""Versions, update paths, packages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.daos.releases import Version, package, why_not

numbers = st.integers(0, 30)
builds = st.sampled_from(["", "1", "5", "10", "5.1", "1.el8", "10.el8", "5.lp153", "4.10.g1a.el8"])
versions = st.builds(Version, numbers, numbers, numbers, st.just(""))
built = st.builds(Version, st.just(2), st.just(0), st.integers(2, 3), builds)


@given(versions | built)
def test_a_version_reads_what_it_writes(version: Version) -> None:
    assert Version.parse(str(version)) == version


@pytest.mark.parametrize(
    "text", ["", "2.0", "2.0.3-", "2.0.3-el8", "v2.0.3", "2.0.3.1", "2.0.x", " 2.0.3"]
)
def test_anything_else_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="not a DAOS release"):
        Version.parse(text)


@given(versions, versions)
def test_only_a_later_fix_level_of_the_same_series_is_an_update(a: Version, b: Version) -> None:
    allowed = a.series == b.series and b.fix >= a.fix
    assert (why_not(a, b) is None) == allowed


@given(versions, versions)
def test_there_is_never_a_way_there_and_back(a: Version, b: Version) -> None:
    assert a == b or why_not(a, b) or why_not(b, a)


@given(built, built)
def test_a_release_is_lower_higher_or_the_same(a: Version, b: Version) -> None:
    assert a.lower_than(b) + b.lower_than(a) + a.same_as(b) == 1
    assert a.same_as(a.level)
    assert a.same_as(a.everywhere)


@pytest.mark.parametrize(
    ("lower", "higher"),
    [("1.el8", "2.el8"), ("9", "10.el8"), ("5.lp153", "5.1.lp153"), ("4.g9.el8", "4.10.g1.el8")],
)
def test_builds_are_compared_as_rpm_does(lower: str, higher: str) -> None:
    a, b = Version(2, 0, 3, lower), Version(2, 0, 3, higher)
    assert a.lower_than(b)
    assert not b.lower_than(a)
    assert a.lower_than(Version(2, 0, 4))


@pytest.mark.parametrize(
    ("installed", "target", "word"),
    [
        ("2.0.3", "2.0.1", "lower"),
        ("2.2.0", "2.0.3", "lower"),
        ("2.0.3", "2.2.0", "another series"),
        ("1.2.0", "2.0.3", "reformatted"),
        ("1.0.1", "2.8.0", "reformatted"),
        ("1.0.0", "1.2.0", "another series"),
    ],
)
def test_a_refusal_says_why(installed: str, target: str, word: str) -> None:
    reason = why_not(Version.parse(installed), Version.parse(target))
    assert reason is not None
    assert word in reason


def test_dmg_moved_to_a_package_of_its_own_in_2_2() -> None:
    assert package("admins", Version(2, 0, 3)) == "daos-client"
    assert package("admins", Version(2, 2, 0)) == "daos-admin"
    assert package("clients", Version(2, 2, 0)) == "daos-client"
