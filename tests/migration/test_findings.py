"""What the check finds by thinking alone: what is carried, labels, releases, and the words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from operations.daos.dmg import DmgError, tier_bytes
from operations.migration import check, operating_systems
from operations.migration.contents import Contents
from operations.migration.copying import containers, jobs
from operations.migration.record.backed_up import differences
from operations.migration.record.record import Container, Pool

from ..operations.fake_cluster import A, B
from .canned import POOL, RECORD

HDF5 = Container(POOL, B, "HDF5", "b")


def test_only_posix_containers_are_carried_without_the_sites_word() -> None:
    record = replace(RECORD, containers=(RECORD.containers[0], HDF5))
    [finding] = check.carried(record, ())
    assert finding.code == "not-posix"
    assert B in finding.message
    assert "HDF5" in finding.message
    assert list(check.carried(replace(record, left_behind=(B,)), (B,))) == []
    assert replace(record, left_behind=(B,)).to_carry == (RECORD.containers[0],)


def test_what_is_left_behind_has_to_be_there() -> None:
    [finding] = check.carried(RECORD, (POOL,))
    assert (finding.code, POOL in finding.message) == ("bad-setting", True)


def test_labels_are_unique_where_they_have_to_be() -> None:
    other = "00000000-0000-0000-0000-000000001065"
    two = replace(RECORD, pools=(*RECORD.pools, Pool(other, "pool-00000000", ())))
    [finding] = check.labels(two, (), ())
    assert finding.code == "label-twice"
    assert "pool_labels" in finding.message
    same = two.with_pool(other, label="other").with_container(B, label="a")
    [finding] = check.labels(same, (), ())
    assert "container_labels" in finding.message
    elsewhere = same.with_container(B, pool=other)
    assert list(check.labels(elsewhere, (POOL,), (A,))) == []
    assert [f.code for f in check.labels(elsewhere, (A,), (POOL,))] == ["bad-setting"] * 2


def test_what_came_and_went_is_named() -> None:
    assert list(differences(RECORD, Contents(RECORD.pools, RECORD.containers))) == []
    found = list(differences(RECORD, Contents((), RECORD.containers[:1])))
    assert [(f.code, f.message.split()[1]) for f in found] == [
        ("pool-removed", POOL),
        ("container-removed", B),
    ]


@pytest.mark.parametrize(
    ("system", "later"),
    [
        ("centos 8.3", ["centos 8.4", "centos 8.5"]),
        ("centos 7.6", ["centos 7.9"]),
        ("opensuse-leap 15.2", ["opensuse-leap 15.3"]),
        ("rhel 8.6", []),
        ("rocky 8.4", []),
        ("centos-stream 8", []),
        ("debian 12", []),
    ],
)
def test_an_operating_system_is_updated_to_a_later_minor_only(
    system: str, later: list[str]
) -> None:
    assert operating_systems.later_minors(system, "2.0") == later


def test_the_sizes_of_a_pool_are_read_from_both_releases() -> None:
    assert tier_bytes({"scm": {"total": 5}, "nvme": {"total": 7}}) == (5, 7)
    assert tier_bytes({"scm": {"total": 5}, "nvme": None}) == (5, 0)
    assert tier_bytes({"tier_stats": [{"total": 5}, {"total": 7}]}) == (5, 7)
    wrong: list[Any] = [None, {}, {"scm": {}, "nvme": {}}, {"tier_stats": [1]}]
    for answer in wrong:
        with pytest.raises(DmgError):
            tier_bytes(answer)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (
            {
                "phase": "copying",
                "files": 1200,
                "of_files": 3400,
                "bytes": 1 << 30,
                "of_bytes": 4 << 30,
                "rate": 100 * 1024**2,
                "left": 31,
            },
            "copying: 1.00 of 4.00 GiB, 1,200 of 3,400 files, 100.0 MiB/s, 31 s left",
        ),
        ({"phase": "walking", "files": 5}, "walking: 5 files"),
        ({"phase": "copying", "files": 5, "left": 7200.0}, "copying: 5 files, 2.0 h left"),
        ({"left": 600}, "at work: 10 min left"),
        ({}, "at work: "),
    ],
)
def test_progress_is_said_with_what_is_known(state: dict[str, Any], words: str) -> None:
    assert jobs.progress(state) == words


def test_differences_name_the_first_twenty_and_count_the_rest() -> None:
    result = {
        "differing": {"a b": ["sha256digest"]},
        "missing": [f"m{number}" for number in range(1030)],
        "extra": ["line\nbreak", "\udcff"],
    }
    said = containers.differences(result)
    assert "differing: 'a b (sha256digest)'" in said
    assert "'m19' and 1,010 more" in said
    assert "'line\\nbreak', '\\udcff'" in said
    assert containers.few(["x"]) == "'x'"
    assert containers.differences({"differing": {}, "missing": [], "extra": []}) == ""


def test_the_table_tells_what_is_carried_and_what_is_lost() -> None:
    record = replace(RECORD, containers=(RECORD.containers[0], HDF5), left_behind=(B,))
    record = record.with_container(A, files=12345, bytes=3 << 30, way="parallel")
    pool, first, second = check.table(record)
    assert pool == f"pool {POOL}  808.0 GiB  -> pool-00000000"
    assert first.split() == [
        *("container", A, "POSIX", "12,345", "files", "3.0", "GiB", "parallel", "->", "a")
    ]
    assert second.endswith("HDF5    stays behind, and is lost")
