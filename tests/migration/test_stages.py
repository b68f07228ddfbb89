"""The stages on a cluster of canned answers: which are refused, and for what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from operations.migration.record.record import STAGES, Migration, Pool

from ..operations import fake_cluster
from ..operations.fake_cluster import SETTINGS, A, B
from .canned import PLACE, POOL, RECORD, load, refusals

pytestmark = pytest.mark.usefixtures("as_the_command_does")


@pytest.mark.parametrize("stage", ["", "chekc", "Check", "all"])
def test_a_missing_or_misspelt_stage_lists_them_all(
    monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    [finding] = refusals(monkeypatch, stage)
    assert finding.code == "no-stage"
    listed = [finding.message.index(f"stage={name} ") for name in STAGES]
    assert listed == sorted(listed)


def test_units_of_the_site_s_own_are_not_migrated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "units", {"daos_agent": "hpc-agent"})
    [finding] = refusals(monkeypatch)
    assert finding.code == "bad-setting"
    assert "set units = {}" in finding.message


def test_a_wrong_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "backup_path", "backup")
    [finding] = refusals(monkeypatch)
    assert finding.code == "bad-setting"
    assert "backup_path is 'backup', not the full path" in finding.message


def test_clients_that_shall_copy_have_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "copy_clients", ["@fake/c1", "c9"])
    [finding] = refusals(monkeypatch)
    assert finding.message.startswith("copy_clients: c9: no clients of the inventory")


def test_the_check_goes_on_to_count_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    current, state = load(monkeypatch)
    assert state, current.refusals
    assert current.noticed == []
    assert current.migration
    assert [c.uuid for c in current.migration.to_carry] == [A, B]
    [pool] = current.migration.pools
    assert pool == Pool(POOL, "pool-00000000", (8 << 30, 800 << 30), service=(0,))
    names = fake_cluster.names_in_order(state)
    assert names[0] == "Keep other runs away"
    assert names[-1] == "Record what the system holds"


NO_JSON: dict[str, Any] = {
    "dmg -l s1:10001 system query -v": f"""\
s1: connected

Rank UUID                                 Control Address State   \n\
---- ----                                 --------------- -----   \n\
0    {A} 10.0.0.1:10001  Started \n\
""",
    "dmg -l s1:10001 pool list": f"""\
s1: connected

Pool UUID                            Svc Replicas \n\
---------                            ------------ \n\
{POOL} 0,3          \n\
""",
    'dmg -l s1:10001 pool query --pool "$pool"': f"""\
== {POOL}
s1: connected

Pool {POOL}, ntarget=8, disabled=0
Rebuild idle, 0 objs, 0 recs
""",
    f"daos pool query --pool={POOL} --svc=0,3": f"""\
Pool {POOL}, ntarget=8, disabled=0
Pool space info:
- Target(VOS) count:8
- SCM:
  Total size: {8 << 30}
  Free: 8589934592, min:0, max:0, mean:0
- NVMe:
  Total size: {800 << 30}
  Free: 858993459200, min:0, max:0, mean:0
Rebuild idle, 0 objs, 0 recs
""",
    f"daos pool list-containers --pool={POOL} --svc=0,3": f"{A}\n{B}\n",
    f"daos container get-prop --pool={POOL} --svc=0,3": (
        f"== {A}\nContainer properties :\nlabel -> container label not set\n"
        f"layout type -> 1/POSIX\n== {B}\nlayout type -> 2/HDF5\n"
    ),
    "realpath": PLACE,
}


@pytest.mark.parametrize("is_a_link", [False, True])
def test_a_configuration_that_lies_elsewhere_is_found_by_the_check(
    monkeypatch: pytest.MonkeyPatch, is_a_link: bool
) -> None:
    answer = fake_cluster.node_answer
    line = "ExecStart={ argv[]=/usr/bin/daos_server start -o /opt/s.yml ; ignore_errors=no }"
    monkeypatch.setattr(
        fake_cluster, "node_answer", lambda *node: answer(*node).replace("Id=", f"{line}\nId=", 1)
    )
    current, _ = load(monkeypatch, "check", readlink={"success": is_a_link})
    found = [finding for finding in current.noticed if finding.code == "configuration"]
    assert [finding.hosts for finding in found] == [] if is_a_link else [("@fake/s1",)]
    assert is_a_link or "daos_server.service reads /opt/s.yml" in found[0].message


def test_release_1_0_is_read_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.migration.canned.GOOD", NO_JSON)
    monkeypatch.setitem(SETTINGS, "leave_behind", [B])
    current, state = load(monkeypatch, version="1.0.1", address="10.0.0.1")
    assert state, current.refusals
    assert current.noticed == []
    assert current.migration
    assert current.migration.before == "1.0.1"
    assert [(c.uuid, c.type) for c in current.migration.containers] == [(A, "POSIX"), (B, "HDF5")]
    [pool] = current.migration.pools
    assert pool == Pool(POOL, "pool-00000000", (8 << 30, 800 << 30), service=(0, 3))
    assert Migration.parse(current.migration.text()) == current.migration


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"failed to connect to pool {POOL}: Operation not permitted (-1001)", True),
        ("failed to connect to pool: -1001", True),
        ("failed to connect to pool: -1002", False),
        (f"failed to connect to pool {POOL}-1001: Timed out (-1011)", False),
    ],
)
def test_a_pool_that_root_may_not_read_is_told_how_it_may(
    monkeypatch: pytest.MonkeyPatch, said: str, told: bool
) -> None:
    answer: Any = {"list-containers": {"success": False, "stderr": said}}
    [finding] = refusals(monkeypatch, **answer)
    assert finding.code == "contents-unknown"
    assert said in finding.message
    assert ("dmg pool update-acl" in finding.message) is told


def test_deploy_py_refuses_1_x_and_names_the_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    found = refusals(monkeypatch, "", fake_cluster.DEPLOY)
    [finding] = [f for f in found if f.code == "no-update-path"]
    assert "pyinfra inventory deploys/migrate.py --data stage=check" in finding.message


@pytest.mark.parametrize(("version", "code"), [("2.0.1", "not-1.x"), ("1.1.4", "unknown-release")])
def test_other_releases_are_refused(
    monkeypatch: pytest.MonkeyPatch, version: str, code: str
) -> None:
    assert [f.code for f in refusals(monkeypatch, version=version)] == [code]


@pytest.mark.parametrize(
    ("done", "stage", "next_stage"),
    [
        ((), "backup", "check"),
        ((), "format", "check"),
        (("check",), "verify", "backup"),
        (("check", "backup"), "install", "verify"),
        (("check", "backup", "verify"), "restore", "install"),
    ],
)
def test_a_stage_needs_the_one_before(
    monkeypatch: pytest.MonkeyPatch, done: tuple[str, ...], stage: str, next_stage: str
) -> None:
    record = replace(RECORD, done=dict.fromkeys(done, "2026-11-22T10:00:00+00:00"))
    finding, *_ = refusals(monkeypatch, stage, record=record)
    assert finding.code == "stage-order"
    assert f"stage={next_stage}`" in finding.message


CHECKED = replace(RECORD, done={"check": "2026-11-22T10:00:00+00:00"})


def test_a_backup_begins_where_nothing_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    current, state = load(monkeypatch, "backup", record=CHECKED)
    assert state, current.refusals
    assert "Copy every container out of DAOS" in fake_cluster.names_in_order(state)


def test_what_another_run_has_reached_meanwhile_is_another_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    current, state = load(monkeypatch, "backup", record=CHECKED)
    assert state, current.refusals
    assert current.begins_anew(current.start) is None
    said = state.inventory.get_host("@fake/a1").connector.data["fake_responses"]
    said["migration.json || cat"] = CHECKED.with_done("backup").text()
    assert "the record of the migration on @fake/a1" in str(current.begins_anew(current.start))


def test_a_container_that_came_or_went_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    new = A.replace("0000000a", "0000000c")
    answers = {
        "list-containers": f"{A}\n{new}\n",
        "get-prop": f"== {A}\nlayout type:\tPOSIX (1)\n== {new}\nlayout type:\tPOSIX (1)\n",
    }
    found = refusals(monkeypatch, "backup", record=CHECKED, **answers)
    assert [(f.code, f.message.split()[1]) for f in found] == [
        ("container-added", new),
        ("container-removed", B),
    ]


def test_a_destination_on_dfuse_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"realpath": PLACE.replace("nfs4 filer:/vol", "fuse.daos dfuse")}
    [finding] = refusals(monkeypatch, "backup", record=CHECKED, **answers)
    assert (finding.code, set(finding.hosts)) == ("destination-is-daos", {"@fake/c1", "@fake/c2"})


def test_what_is_missing_on_the_clients_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = {"command -v $program": "dfuse\npython3\ndcp\n"}
    found = refusals(monkeypatch, "backup", record=CHECKED, **answers)
    assert [f.message.split()[0] for f in found] == ["dfuse", "python3"]
    assert "daos-client" in found[0].message
    monkeypatch.setitem(SETTINGS, "copy_way", "parallel")
    found = refusals(monkeypatch, "backup", record=CHECKED, **answers)
    assert [f.message.split()[0] for f in found] == ["dfuse", "python3", "dcp"]


def test_a_damaged_record_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    damaged: Any = {"migration.json || cat": '{"system": 1}'}
    [finding] = refusals(monkeypatch, "backup", **damaged)
    assert finding.code == "damaged-record"


def test_a_backup_that_is_not_complete_is_not_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    record = replace(
        CHECKED.with_container(A, backed_up="2026-11-22T11:00:00+00:00", manifest="abc"),
        done=dict.fromkeys(("check", "backup"), "2026-11-22T10:00:00+00:00"),
    )
    [finding] = refusals(monkeypatch, "verify", record=record)
    assert finding.code == "not-backed-up"
    assert B in finding.message


def test_a_manifest_that_is_another_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    record = replace(CHECKED, done=dict.fromkeys(("check", "backup"), "2026-11-22T10:00:00+00:00"))
    for uuid, digest in ((A, "abc"), (B, "def")):
        record = record.with_container(uuid, backed_up="2026-11-22T11:00:00+00:00", manifest=digest)
    paths = {uuid: f"/backup/{POOL}/{uuid}/manifest.mtree" for uuid in (A, B)}
    same: dict[str, Any] = {"sha256sum --": f"abc  {paths[A]}\ndef  {paths[B]}\n"}
    _, state = load(monkeypatch, "verify", record=record, **same)
    assert state
    other: dict[str, Any] = {"sha256sum --": f"abc  {paths[A]}\nxyz  {paths[B]}\n"}
    [finding] = refusals(monkeypatch, "verify", record=record, **other)
    assert finding.code == "manifest-changed"
    assert paths[B] in finding.message
