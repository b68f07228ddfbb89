"""Migration on a lab, its first stages: what the check finds, and backups that can be trusted."""

from __future__ import annotations

import json

import pytest

from testbed import faults

from ..site import Site, StartSite
from ..usage import mounted
from ..waiting import eventually
from .stages import (
    CLIENT_1,
    CLIENT_2,
    FLIP,
    NODES,
    PARALLEL,
    backup_until,
    codes,
    containers,
    data_of,
    done,
    held,
    held_copy,
    left_mounts,
    release,
    stage,
    tree,
)

MIB = 64  # of the destination
JOBS = "/run/daos-offline-update/jobs"


@pytest.fixture(scope="module")
def site(start_site: StartSite) -> Site:
    """One system for all tests: each begins with a check of its own."""
    return _filled(start_site)


def _filled(start: StartSite) -> Site:
    site = start(NODES, version="1.2.0", backup_mib=MIB)
    for pool, container in containers(site):
        site.lab.node(CLIENT_1).run(f"daos-job {pool} {container} --tree 150 --seed 7")
    return site


# The check


def test_all_that_is_wrong_is_found_at_once_and_nothing_is_changed(
    start_fresh_site: StartSite,
) -> None:
    """Nothing is recorded either, so that no backup can begin."""
    site = _filled(start_fresh_site)
    client, other = site.lab.node(CLIENT_1), site.lab.node(CLIENT_2)
    pool, container = containers(site)[0]
    said = client.run(f"daos container create --pool={pool} --type=HDF5").stdout
    hdf5 = said.split()[-1].strip()
    rocky = "ID=rocky\nVERSION_ID=8.6\n"
    with (
        faults.FILE_REPLACED.on(other, path="/etc/os-release", text=rocky),
        faults.FILE_MISSING.on(other, path="/usr/bin/dcp"),
    ):
        with mounted(client, pool, container) as mount:
            client.run(f"mkdir -p {mount}/backup")
            outcome = stage(site, "check", backup_path=f"{mount}/backup", copy_way="parallel")
            client.run(f"rmdir {mount}/backup")
        assert outcome.exit_code == 1
        assert site.report["outcome"] == "refused"
        found = codes(site)
        assert found["not-posix"] == []
        assert hdf5 in outcome.output
        assert found["destination-is-daos"] == [CLIENT_1]
        assert found["no-destination"] == [CLIENT_2]
        assert found["unsupported-system"] == [CLIENT_2]
        assert found["program-missing"] == [CLIENT_2]
        assert "dcp is missing" in outcome.output
        assert left_mounts(site) == []
        assert stage(site, "backup").exit_code == 1
        assert list(codes(site)) == ["stage-order"]
    client.run(f"daos container destroy --pool={pool} --cont={hdf5}")


def test_deploy_py_leads_to_the_migration(site: Site) -> None:
    outcome = site.update()
    assert outcome.exit_code == 1
    assert "no-update-path" in codes(site)
    assert "pyinfra inventory deploys/migrate.py --data stage=check" in outcome.output


def test_dry_shows_what_a_stage_will_do_and_does_nothing(site: Site) -> None:
    client = site.lab.node(CLIENT_1)
    before = client.run("ls -A /backup; ls -A /var/lib/daos-offline-update || true").stdout
    outcome = site.pyinfra("deploys/migrate.py", "--dry", stage="check")
    assert outcome.exit_code == 0
    assert "Count the files of every POSIX container" in outcome.output
    assert client.run("ls -A /backup; ls -A /var/lib/daos-offline-update || true").stdout == before


# Copies


def test_serial_and_parallel_copies_are_the_same_and_equal_what_is_in_daos(site: Site) -> None:
    client = site.lab.node(CLIENT_1)
    for way in ("serial", "parallel"):
        client.run(f"mkdir -p /backup/{way}")
        done(site, "check", "backup", "verify", backup_path=f"/backup/{way}", copy_way=way)
        assert {c["way"] for c in site.report["migration"]["containers"]} == {way}
    assert left_mounts(site) == []
    for number, (pool, container) in enumerate(containers(site)):
        with mounted(client, pool, container) as mount:
            wanted = tree(client, mount)
        assert len(wanted[0]) > 150
        assert tree(client, data_of(site, "/backup/serial", number)) == wanted
        assert tree(client, data_of(site, "/backup/parallel", number)) == wanted
    preloaded = {
        (event["host"], event["details"]["process"])
        for event in site.lab.events()
        if event.get("program") == "libioil" and event.get("event") == "preloaded"
    }
    assert (CLIENT_1, "cp") in preloaded
    assert {node for node, process in preloaded if process != "cp"} >= {CLIENT_1, CLIENT_2}
    client.run("rm -rf /backup/serial /backup/parallel")


def test_what_has_not_changed_is_not_copied_again(site: Site) -> None:
    done(site, "check", "backup")
    outcome = stage(site, "backup")
    assert outcome.output.count("has not changed since it was backed up") == len(containers(site))


def test_a_check_and_a_verification_that_are_killed_are_typed_again(site: Site) -> None:
    for name, words in (("check", "Count the files"), ("verify", "Read the backup back")):
        outcome = site.typed_until(words, site.kill, "deploys/migrate.py", "-y", stage=name)
        assert outcome.exit_code < 0
        done(site, name)
        if name == "check":
            done(site, "backup")
    assert left_mounts(site) == []


# What goes wrong


def test_one_flipped_bit_is_found_named_and_copied_again_alone(site: Site) -> None:
    done(site, "check", "backup")
    client = site.lab.node(CLIENT_1)
    path = f"{data_of(site, '/backup')}/object-0000"
    client.run(f"touch -r {path} /tmp/time; python3 -c '{FLIP}' {path}; touch -r /tmp/time {path}")
    outcome = stage(site, "verify")
    assert outcome.exit_code == 1
    assert codes(site) == {"backup-differs": [CLIENT_1]}
    assert "'object-0000 (" in outcome.output
    [damaged] = [c for c in site.report["migration"]["containers"] if "differing" in c]
    assert list(damaged["differing"]) == ["object-0000"]
    for later in ("verify", "install", "format"):
        assert stage(site, later).exit_code == 1
        assert "stage-order" in codes(site)
    again = stage(site, "backup")
    assert again.exit_code == 0
    assert "copied 1 of " in again.output
    done(site, "verify")


def test_missing_and_extra_files_of_the_backup_are_named_and_mended(site: Site) -> None:
    done(site, "check", "backup")
    client, folder = site.lab.node(CLIENT_1), data_of(site, "/backup")
    client.run(f"rm {folder}/object-0001; touch '{folder}/not in DAOS'")
    outcome = stage(site, "verify")
    assert outcome.exit_code == 1
    assert "missing: 'object-0001'" in outcome.output
    assert "extra: 'not in DAOS'" in outcome.output
    done(site, "backup", "verify")


def test_a_file_that_changes_meanwhile_is_named_with_its_user(site: Site) -> None:
    done(site, "check")
    writer = site.lab.node(CLIENT_2)
    pool, container = containers(site)[0]
    with mounted(writer, pool, container) as mount:
        loop = f"while sleep 0.05; do date +%N >> {mount}/log; done"
        writer.run(f"({loop}) >/dev/null 2>&1 & echo $! > /tmp/writer")
        try:
            writer.wait(
                "the log", lambda: writer.run(f"test -s {mount}/log", check=False).exit_code == 0
            )
            outcome = stage(site, "backup")
        finally:
            writer.run("kill $(cat /tmp/writer)")
        assert outcome.exit_code == 1
        assert codes(site) == {"backup-failed": [CLIENT_1]}
        assert "changed while it was copied: " in outcome.output
        assert "'log'" in outcome.output
        assert f"{CLIENT_2}: dfuse mounted at {mount}" in outcome.output
        assert stage(site, "verify").exit_code == 1
        writer.run(f"rm {mount}/log")
    done(site, "backup", "verify")
    assert left_mounts(site) == []


def test_a_destination_that_becomes_full_is_named_and_what_is_copied_stays(site: Site) -> None:
    client = site.lab.node(CLIENT_1)
    client.run("rm -rf /backup/*")
    done(site, "check")
    with faults.DISK_FULL.on(client, folder="/backup", left_mib=4):
        outcome = stage(site, "backup")
        kept = client.run("find /backup -path '*/data/*' -type f | wc -l").stdout
    assert outcome.exit_code == 1
    assert f"/backup on {CLIENT_1} is full: " in outcome.output
    assert "mounted at /backup, has " in outcome.output
    assert left_mounts(site) == []
    assert int(kept) > 10
    again = stage(site, "backup")
    assert again.exit_code == 0, again.output
    done(site, "verify")


def test_a_destination_that_is_too_small_is_refused_by_the_check(site: Site) -> None:
    client = site.lab.node(CLIENT_1)
    client.run("rm -rf /backup/*")
    with faults.DISK_FULL.on(client, folder="/backup", left_mib=4):
        assert stage(site, "check").exit_code == 1
    assert codes(site) == {"destination-too-small": [CLIENT_1]}
    client.run("rm -rf /backup/*")


# Interruptions


def test_the_next_command_follows_the_copy_that_a_killed_one_has_begun(site: Site) -> None:
    with held_copy(site) as client:

        def kill() -> None:
            eventually(lambda: held(client))
            site.kill()

        assert backup_until(site, "(1 of ", kill).exit_code < 0
        assert held(client)
        again = backup_until(site, "was under way already", lambda: release(site))
        assert again.exit_code == 0, again.output
        assert "was under way already; following it" in again.output
    done(site, "verify", **PARALLEL)
    assert left_mounts(site) == []


def test_a_copy_that_is_killed_fails_the_stage_and_is_resumed(site: Site) -> None:
    with held_copy(site) as client:

        def kill() -> None:
            eventually(lambda: held(client))
            _, container = containers(site)[0]
            group = json.loads(client.read(f"{JOBS}/{container}-copy/command.json"))["group"]
            client.run(f"kill -KILL -- -{group}")

        outcome = backup_until(site, "(1 of ", kill)
        assert outcome.exit_code == 1
        assert f"copy on {CLIENT_1} failed: its processes are gone" in outcome.output
        assert left_mounts(site) == []
    done(site, "backup", "verify", **PARALLEL)
