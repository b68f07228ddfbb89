"""Migration on a lab, its first stages: what the check finds, and backups that can be trusted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from testbed import faults

from ..site import Site, StartSite
from ..usage import mounted
from ..waiting import eventually
from .stages import (
    CLIENT_1,
    CLIENT_2,
    FLIP,
    MIGRATE,
    NODES,
    PARALLEL,
    RECORD,
    SYSTEM,
    admin,
    backup_until,
    codes,
    containers,
    data_of,
    done,
    formats,
    held,
    held_copy,
    hold,
    left_mounts,
    release,
    stage,
    state_of,
    tree,
    up_to,
)

MIB = 64  # of the destination
LEFT = 4  # MiB of it, where it is nearly full: one container fits, and the other does not
FILES = 40  # in each container, besides the objects
JOBS = "/run/daos-offline-update/jobs"


@pytest.fixture(scope="module")
def site(start_site: StartSite) -> Site:
    """One system for all tests; each leaves DAOS as it was, and no backup that is not recorded."""
    site = start_site(NODES, version="1.2.0", backup_mib=MIB)
    for pool, container in containers(site):
        site.lab.node(CLIENT_1).run(f"daos-job {pool} {container} --tree {FILES} --seed 7")
    return site


@pytest.fixture
def unknown(site: Site) -> Iterator[Site]:
    """The same, where no stage was ever typed."""
    node, kept = admin(site), "/root/record.json"
    node.run(f"test ! -e {RECORD} || mv {RECORD} {kept}")
    yield site
    node.run(f"test ! -e {kept} || mv {kept} {RECORD}")


@contextmanager
def another_container(site: Site, kind: str) -> Iterator[tuple[str, str]]:
    """A container that comes, and goes when the block ends: pool and UUID."""
    (pool, _), *_ = containers(site)
    client = site.lab.node(CLIENT_1)
    said = client.run(f"daos container create --pool={pool} --type={kind}").stdout
    container = said.split()[-1].strip()
    try:
        yield pool, container
    finally:
        client.run(f"daos container destroy --pool={pool} --cont={container}")


# The check


def test_all_that_is_wrong_is_found_at_once_and_nothing_is_changed(unknown: Site) -> None:
    """Nothing is recorded either, so that no backup can begin."""
    site = unknown
    client, other = site.lab.node(CLIENT_1), site.lab.node(CLIENT_2)
    rocky = "ID=rocky\nVERSION_ID=8.6\n"
    with (
        another_container(site, "HDF5") as (_, hdf5),
        another_container(site, "POSIX") as destination,
        faults.FILE_REPLACED.on(other, path="/etc/os-release", text=rocky),
        faults.FILE_MISSING.on(other, path="/usr/bin/dcp"),
    ):
        with mounted(client, *destination) as mount:
            client.run(f"mkdir -p {mount}/backup")
            outcome = stage(site, "check", backup_path=f"{mount}/backup", copy_way="parallel")
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


def test_deploy_py_leads_to_the_migration(site: Site) -> None:
    outcome = site.update()
    assert outcome.exit_code == 1
    assert "no-update-path" in codes(site)
    assert "pyinfra inventory deploys/migrate.py --data stage=check" in outcome.output


def test_dry_shows_what_a_stage_will_do_and_does_nothing(site: Site) -> None:
    client = site.lab.node(CLIENT_1)
    state = "ls -Al --time-style=full-iso /backup /var/lib/daos-offline-update || true"
    before = client.run(state).stdout
    outcome = site.pyinfra(MIGRATE, "--dry", stage="check")
    assert outcome.exit_code == 0
    assert "Count the files of every POSIX container" in outcome.output
    assert client.run(state).stdout == before


# Interruptions


def test_what_is_killed_is_typed_again_and_what_has_not_changed_is_not_copied_again(
    site: Site,
) -> None:
    up_to(site, "backup")
    _is_killed_and_typed_again(site, "check", "Count the files")
    outcome = stage(site, "backup")
    assert outcome.exit_code == 0, outcome.output
    assert outcome.output.count("has not changed since it was backed up") == len(containers(site))
    _is_killed_and_typed_again(site, "verify", "Read the backup back")
    assert left_mounts(site) == []


def _is_killed_and_typed_again(site: Site, name: str, words: str) -> None:
    assert site.typed_until(words, site.kill, MIGRATE, "-y", stage=name).exit_code < 0
    done(site, name)


def test_a_copy_that_was_killed_is_resumed_and_one_that_goes_on_is_followed(site: Site) -> None:
    """Copied in parallel; what is there in the end is what an undisturbed copy gives."""
    with held_copy(site):
        _a_copy_that_is_killed_fails_the_stage(site)
        hold(site)
        _the_next_command_follows_the_copy_that_a_killed_one_has_begun(site)
    done(site, "verify", **PARALLEL)
    assert_copied(site, "parallel")
    assert {name for name, process in preloaded(site) if process != "cp"} >= {CLIENT_1, CLIENT_2}


def _a_copy_that_is_killed_fails_the_stage(site: Site) -> None:
    client = site.lab.node(CLIENT_1)

    def kill() -> None:
        eventually(lambda: held(client))
        _, container = containers(site)[0]
        group = json.loads(client.read(f"{JOBS}/{container}-copy/command.json"))["group"]
        client.run(f"kill -KILL -- -{group}")

    outcome = backup_until(site, "(1 of ", kill)
    assert outcome.exit_code == 1
    assert f"copy on {CLIENT_1} failed: its processes are gone" in outcome.output
    assert left_mounts(site) == []
    release(site)
    eventually(lambda: not held(client))


def _the_next_command_follows_the_copy_that_a_killed_one_has_begun(site: Site) -> None:
    client = site.lab.node(CLIENT_1)

    def kill() -> None:
        eventually(lambda: held(client))
        site.kill()

    assert backup_until(site, "(1 of ", kill).exit_code < 0
    assert held(client)
    again = backup_until(site, "was under way already", lambda: release(site))
    assert again.exit_code == 0, again.output
    assert "was under way already; following it" in again.output


def assert_copied(site: Site, way: str) -> None:
    """Fail unless the backup, copied in this way, is what is in DAOS."""
    assert {c["way"] for c in site.report["migration"]["containers"]} == {way}
    assert left_mounts(site) == []
    client = site.lab.node(CLIENT_1)
    for pool, container in containers(site):
        with mounted(client, pool, container) as mount:
            wanted = tree(client, mount)
        assert len(wanted[0]) > FILES
        assert tree(client, f"/backup/{pool}/{container}/data") == wanted


def preloaded(site: Site) -> set[tuple[str, str]]:
    """Which programs on which nodes ran with the interception library."""
    return {
        (event["host"], event["details"]["process"])
        for event in site.lab.events()
        if (event.get("program"), event.get("event")) == ("libioil", "preloaded")
    }


# What goes wrong


def test_a_destination_that_is_too_small_or_becomes_full_is_named_and_what_is_copied_stays(
    site: Site,
) -> None:
    """Copied serially; what is there in the end is what an undisturbed copy gives."""
    client = site.lab.node(CLIENT_1)
    client.run("rm -rf /backup/*")
    with faults.DISK_FULL.on(client, folder="/backup", left_mib=LEFT):
        assert stage(site, "check").exit_code == 1
    assert codes(site) == {"destination-too-small": [CLIENT_1]}
    done(site, "check")
    with faults.DISK_FULL.on(client, folder="/backup", left_mib=LEFT):
        outcome = stage(site, "backup")
        kept = client.run("find /backup -path '*/data/*' -type f | wc -l").stdout
    assert outcome.exit_code == 1
    assert f"/backup on {CLIENT_1} is full: " in outcome.output
    assert "mounted at /backup, has " in outcome.output
    assert left_mounts(site) == []
    assert int(kept) > 10
    done(site, "backup", "verify")
    assert_copied(site, "serial")
    assert (CLIENT_1, "cp") in preloaded(site)


def test_what_is_damaged_in_the_backup_is_named_and_copied_again_alone(site: Site) -> None:
    """One flipped bit in one container; a missing file and an extra one in the other."""
    up_to(site, "backup")
    client = site.lab.node(CLIENT_1)
    path, folder = f"{data_of(site, '/backup')}/object-0000", data_of(site, "/backup", 1)
    client.run(f"touch -r {path} /tmp/time; python3 -c '{FLIP}' {path}; touch -r /tmp/time {path}")
    client.run(f"rm {folder}/object-0001; touch '{folder}/not in DAOS'")
    _verify_names_each(site)
    for later in ("verify", "install", "format"):
        assert stage(site, later).exit_code == 1
        assert "stage-order" in codes(site)
    again = stage(site, "backup")
    assert again.exit_code == 0
    assert again.output.count("copied 1 of ") == len(containers(site))
    done(site, "verify")


def _verify_names_each(site: Site) -> None:
    outcome = stage(site, "verify")
    assert outcome.exit_code == 1
    assert codes(site) == {"backup-differs": [CLIENT_1]}
    assert "'object-0000 (" in outcome.output
    assert "missing: 'object-0001'" in outcome.output
    assert "extra: 'not in DAOS'" in outcome.output
    told = {c["uuid"]: c for c in site.report["migration"]["containers"]}
    flipped, incomplete = (told[uuid] for _, uuid in containers(site))
    assert list(flipped["differing"]) == ["object-0000"]
    assert (flipped["missing"], flipped["extra"]) == ([], [])
    assert (incomplete["missing"], incomplete["extra"]) == (["object-0001"], ["not in DAOS"])


def test_a_file_that_changes_meanwhile_is_named_with_its_user(site: Site) -> None:
    up_to(site, "check")
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


# What later stages refuse


def test_another_destination_than_the_checked_one_is_refused(site: Site) -> None:
    up_to(site, "verify")
    client = site.lab.node(CLIENT_1)
    client.run("mv /backup/.daos-offline-update /root/mark")
    try:
        outcome = stage(site, "verify")
    finally:
        client.run("mv /root/mark /backup/.daos-offline-update")
    assert outcome.exit_code == 1
    assert codes(site) == {"other-destination": [CLIENT_1, CLIENT_2]}, outcome.output


def test_a_container_that_was_added_is_named_by_install_and_by_format(site: Site) -> None:
    up_to(site, "verify")
    before = formats(site)
    with another_container(site, "POSIX") as (pool, added):
        site.lab.node(CLIENT_1).run(f"daos-job {pool} {added} --tree {FILES} --seed 9")
        for name, wanted in (
            ("install", {"container-added"}),
            ("format", {"stage-order", "still-serving", "container-added"}),
        ):
            outcome = stage(site, name, **SYSTEM)
            assert outcome.exit_code == 1
            assert set(codes(site)) == wanted, outcome.output
            assert added in outcome.output
    assert formats(site) == before
    for name in (CLIENT_1, CLIENT_2):
        assert state_of(site.lab.node(name), "daos_agent").split()[0] == "active"
