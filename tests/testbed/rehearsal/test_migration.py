"""What the rehearsal of a migration makes of what it finds, and what its lab is made of."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from operations.machinery.migration_settings import MigrationSettings
from operations.migration.record.record import STAGES, Container, Migration
from testbed.lab import backup, provision
from testbed.lab.engine import Mount
from testbed.node import init
from testbed.rehearsal import migration

ONE, TWO = "aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002"
CONTENTS = migration.Contents({ONE: 6000, TWO: 4000}, {ONE: "p1", TWO: "p2"}, "other")


def test_every_stage_is_typed_in_the_order_of_the_deploy() -> None:
    assert list(migration.stages(CONTENTS)) == list(STAGES)


def test_the_settings_of_each_stage_are_such_as_the_deploy_reads() -> None:
    contents = migration.Contents(CONTENTS.files, CONTENTS.pools, left_behind=TWO)
    read = {}
    for stage, settings in migration.stages(contents).items():
        read[stage], wrong = MigrationSettings.read(settings)
        assert wrong == []
    assert {found.leave_behind for found in read.values()} == {(TWO,)}
    assert read["format"].system_name == provision.SYSTEM
    assert read["backup"].way(1) == "parallel"


def test_what_was_restored_is_found_in_the_record() -> None:
    containers = (
        Container("p1", ONE, "POSIX", new_pool="q1", new_uuid="n1"),
        Container("p2", TWO, "HDF5"),
    )
    record = Migration("s", "", "1.2.0", "2.0.3", (), (), (), containers, ())
    text = yaml.safe_load(record.text())
    assert migration.moved(text) == {ONE: ("q1", "n1")}
    assert migration.moved({}) == {}


def test_a_container_that_is_not_as_it_was_is_named() -> None:
    before = {ONE: "d1", TWO: "d2"}
    assert list(migration.differences(before, before)) == []
    [changed] = migration.differences(before, {ONE: "d1", TWO: "d3"})
    assert TWO in changed
    assert "something else" in changed
    [lost] = migration.differences(before, {TWO: "d2"})
    assert ONE in lost
    assert "not restored" in lost


def test_the_table_has_both_digests_of_each_container() -> None:
    rows = list(migration.table(CONTENTS.files, {ONE: "d1", TWO: "d2"}, {ONE: "d1"}))
    assert rows[1].split() == [ONE, "6,000", "d1", "d1"]
    assert rows[2].split() == [TWO, "4,000", "d2", "nothing"]


def test_the_table_of_both_ways_has_their_times() -> None:
    result = {"files": 6000, "bytes": 5 * 2**20, "seconds": 12.0}
    rows = list(migration.ways_table({"serial": result, "parallel": {**result, "seconds": 6}}, 3))
    assert rows[1].endswith("6,000      5.0     12.0      500")
    assert rows[2].startswith("parallel (dcp, 6 processes on 3 clients)")
    assert rows[2].endswith("6,000      5.0      6.0     1000")


# Its lab


@pytest.mark.parametrize(
    ("version", "there", "gone"),
    [
        ("1.2.0", {"servers", "disable_vmd"}, {"engines"}),
        ("2.0.1", {"engines"}, {"servers", "disable_vmd"}),
    ],
)
def test_a_server_is_configured_in_the_words_of_its_release(
    version: str, there: set[str], gone: set[str]
) -> None:
    files = provision.config_files(frozenset({"servers"}), ["s1"], version)
    keys = set(yaml.safe_load(files["daos_server.yml"]))
    assert there <= keys
    assert not gone & keys


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ({"clients"}, {"/backup": Mount("v")}),
        ({"servers"}, {"/run/daos-lab/backup": Mount("v", read_only=True)}),
        ({"admins"}, {}),
    ],
)
def test_who_has_the_shared_file_system(roles: set[str], expected: dict[str, Mount]) -> None:
    assert backup.mounts("v", frozenset(roles)) == expected
    assert backup.mounts(None, frozenset(roles)) == {}


def test_a_boot_leaves_alone_what_the_engine_has_mounted_deep_in_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    kept = run / "daos-lab" / "backup" / "file"
    for path in (kept, run / "sshd" / "pid", run / "daos-lab-not" / "x"):
        path.parent.mkdir(parents=True)
        path.touch()
    table = tmp_path / "mountinfo"
    table.write_text(
        f"29 1 8:1 / / rw - ext4 /dev/a rw\n31 29 0:9 / {run}/daos-lab/backup ro - tmpfs none rw\n"
    )
    monkeypatch.setattr(init, "MOUNTS", table)
    init.empty_run(run)
    assert kept.exists()
    assert sorted(path.name for path in run.iterdir()) == ["daos-lab", "lock"]
