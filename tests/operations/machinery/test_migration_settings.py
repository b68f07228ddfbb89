"""The site's settings about a migration: as shipped they are good, and each wrong one is named."""

from __future__ import annotations

import runpy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.machinery.migration_settings import DEFAULTS, MigrationSettings

from ..any_values import ANYTHING
from ..fake_cluster import ROOT, A, B

SHIPPED = runpy.run_path(str(ROOT / "group_data" / "all.py"))


def read(**changes: Any) -> MigrationSettings:
    settings, wrong = MigrationSettings.read({**SHIPPED, **changes})
    assert wrong == []
    return settings


def test_the_shipped_settings_are_the_defaults() -> None:
    assert (read(), []) == MigrationSettings.read({})
    assert set(DEFAULTS) <= set(SHIPPED)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"backup_path": "backup"}, "backup_path is 'backup'"),
        ({"backup_path": "/"}, "backup_path is '/'"),
        ({"backup_path": "//"}, "backup_path"),
        ({"backup_path": 7}, "backup_path is 7"),
        ({"libioil": "libioil.so"}, "libioil"),
        ({"copy_way": "fast"}, "copy_way is 'fast'; there are auto, serial, parallel"),
        ({"parallel_from_gib": -1}, "parallel_from_gib is -1"),
        ({"parallel_from_gib": "many"}, "parallel_from_gib is 'many'"),
        ({"copy_processes": 0}, "copy_processes is 0"),
        ({"copy_processes": True}, "copy_processes is True"),
        ({"copy_clients": 3}, "copy_clients is 3"),
        ({"mpirun": ""}, "mpirun is ''"),
        ({"leave_behind": "scratch"}, "leave_behind: 'scratch' is not the UUID"),
        ({"leave_behind": [A, "x"]}, "leave_behind: 'x'"),
        ({"pool_labels": [A]}, "pool_labels is"),
        ({"pool_labels": {"scratch": "a"}}, "pool_labels: 'scratch'"),
        ({"pool_labels": {A: "two words"}}, "'two words': a label has"),
        ({"container_labels": {A: "x" * 128}}, "a label has up to 127"),
        ({"container_labels": {A: B}}, "a label has"),
        ({"update_os": "no"}, "update_os is 'no'"),
    ],
)
def test_a_wrong_setting_is_named(changes: dict[str, Any], word: str) -> None:
    settings, wrong = MigrationSettings.read(changes)
    [sentence] = wrong
    assert word in sentence
    assert settings == read()  # the default holds in its place


@given(st.dictionaries(st.sampled_from(list(DEFAULTS)), ANYTHING, max_size=3))
def test_whatever_is_set_is_taken_or_named(data: dict[str, Any]) -> None:
    settings, wrong = MigrationSettings.read(data)
    assert all(sentence.startswith(tuple(data)) for sentence in wrong)
    if not wrong:
        assert MigrationSettings.read(settings.model_dump(by_alias=True)) == (settings, [])


def test_lists_may_be_typed_with_commas_and_uuids_in_capitals() -> None:
    assert read(leave_behind=f"{A}, {B.upper()}").leave_behind == (A, B)
    assert read(leave_behind="").leave_behind == ()


def test_the_way_is_chosen_by_the_size_or_by_the_site() -> None:
    gib = 1024**3
    assert [read(parallel_from_gib=2).way(size) for size in (0, 2 * gib - 1, 2 * gib)] == [
        *("serial", "serial", "parallel")
    ]
    assert read(copy_way="serial", parallel_from_gib=0).way(gib) == "serial"
    assert read(copy_way="parallel").way(0) == "parallel"


def test_what_gets_no_label_from_the_site_is_named_by_its_uuid() -> None:
    site = read(pool_labels={A.upper(): "scratch"})
    assert (site.pool_label(A), site.pool_label(B)) == ("scratch", "pool-0000000b")
    assert site.container_label(B) == "cont-0000000b"
