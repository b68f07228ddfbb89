"""Ordinary users of a client try to turn the migration against others while it runs as root."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from testbed.lab.container import Node

from ..site import Site, StartSite
from ..usage import mounted
from ..waiting import eventually
from .stages import (
    CLIENT_1,
    CLIENT_2,
    MIGRATE,
    NODES,
    RECORD,
    codes,
    containers,
    done,
    stage,
    up_to,
)

USER = "mallory"
SECRET = "SECRETHASH"


@pytest.fixture(scope="module")
def site(start_site: StartSite) -> Site:
    """A system of 1.2 with two containers, and a user who owns a folder in the first."""
    site = start_site(NODES, version="1.2.0", backup_mib=64)
    (pool, mine), (other_pool, other) = containers(site)[:2]
    for name in (CLIENT_1, CLIENT_2):
        site.lab.node(name).run(f"useradd --create-home --shell /bin/bash {USER}")
    client = site.lab.node(CLIENT_1)
    client.run(f"install -d -m 700 /root/only && printf {SECRET} > /root/only/shadow")
    with mounted(client, pool, mine) as mount:
        client.run(f"mkdir -p {mount}/a/b && printf {'x' * len(SECRET)} > {mount}/a/b/shadow")
        client.run(f"chown -R {USER} {mount}/a")
    with mounted(client, other_pool, other) as mount:
        client.run(f"umask 077; mkdir {mount}/private && printf {SECRET} > {mount}/private/key")
    return site


# A cp that waits before and after its work as long as a file is there, and says that it waits.
_CP = """#!/bin/sh
for step in before after; do
    touch /usr/local/$step
    while [ -e /usr/local/hold-$step ]; do sleep 0.1; done
    [ $step = after ] || /bin/cp "$@" || exit
done
"""
_KEPT = "touch -r . /tmp/times; {}; touch -r /tmp/times ."
_SWAP = _KEPT.format("mv b c; ln -s /root/only b")
_BACK = _KEPT.format("rm b; mv c b")


@contextmanager
def held_cp(client: Node) -> Iterator[None]:
    client.run(f"printf %s '{_CP}' > /usr/local/bin/cp; chmod 755 /usr/local/bin/cp")
    client.run("touch /usr/local/hold-before /usr/local/hold-after")
    try:
        yield
    finally:
        client.run("rm -f /usr/local/hold-* /usr/local/before /usr/local/after /usr/local/bin/cp")


def waits(client: Node, step: str) -> bool:
    return client.run(f"test -e /usr/local/{step}", check=False).exit_code == 0


def leaked(client: Node, place: str = "/backup") -> str:
    return client.run(f"grep -rl {SECRET} {place} || true").stdout


def test_a_folder_that_is_swapped_for_a_link_brings_nothing_of_roots_into_the_backup(
    site: Site,
) -> None:
    """Right before cp copies what is in it, and back right after."""
    up_to(site, "check")
    client, node = site.lab.node(CLIENT_1), site.lab.node(CLIENT_2)
    pool, mine = containers(site)[0]

    def swap() -> None:
        for step, line in (("before", _SWAP), ("after", _BACK)):
            eventually(lambda step=step: waits(client, step))  # type: ignore[misc]
            node.run(f"cd /mnt/mallory/a; {line}", user=USER)
            client.run(f"rm /usr/local/hold-{step}")

    with held_cp(client), mounted(node, pool, mine, USER, "/mnt/mallory"):
        outcome = site.typed_until("(1 of ", swap, MIGRATE, "-y", stage="backup")
    assert leaked(client, f"/backup/{pool}/{mine}") == ""
    assert outcome.exit_code == 1
    assert codes(site) == {"backup-failed": [CLIENT_1]}
    assert f"{mine} of pool {pool} changed while it was copied: 'a'" in outcome.output
    done(site, "backup", "verify")


def test_a_folder_that_leads_into_another_container_is_named(site: Site) -> None:
    """With the attribute that dfuse follows, and that shows nowhere once it has."""
    up_to(site, "verify")
    (pool, mine), (other_pool, other) = containers(site)[:2]
    node, client = site.lab.node(CLIENT_2), site.lab.node(CLIENT_1)
    way = f"DAOS.POSIX://{other_pool}/{other}"
    lead = f'import os; os.setxattr("lead", "user.daos", b"{way}")'
    with mounted(node, pool, mine, USER, "/mnt/mallory") as mount:
        node.run(f"cd {mount}/a; mkdir lead; python3 -c '{lead}'", user=USER)
    with mounted(client, pool, mine) as mount:  # so it is: root reads what is not his
        assert client.run(f"cat {mount}/a/lead/private/key").stdout == SECRET
        assert client.run(f"python3 -c 'import os; print(os.listxattr(\"{mount}/a/lead\"))'").stdout
    try:
        for name in ("check", "backup"):
            outcome = stage(site, name)
            assert outcome.exit_code == 1
            assert "a/lead" in outcome.output
            assert f"leads into container {other} of pool {other_pool}" in outcome.output
            assert leaked(client, f"/backup/{pool}/{mine}") == ""
    finally:
        with mounted(node, pool, mine, USER, "/mnt/mallory") as mount:
            node.run(f"rmdir {mount}/a/lead", user=USER)
    with mounted(client, other_pool, other) as mount:
        assert client.run(f"cat {mount}/private/key").stdout == SECRET
    done(site, "check", "backup", "verify")


def test_a_destination_in_which_others_can_write_is_refused(site: Site) -> None:
    client = site.lab.node(CLIENT_1)
    kept = client.run(f"cat {RECORD} 2>/dev/null || true").stdout
    for made, said in (
        ("chmod 1777 /backup", "others can write in /backup (mode 1777): `chmod go-w /backup`"),
        (f"chown {USER} /backup", "/backup belongs to user "),
        ("ln -s /backup /root/link", "by a link it leads to /backup: set backup_path to that"),
    ):
        client.run(made)
        try:
            path = "/root/link" if "link" in made else "/backup"
            outcome = stage(site, "check", backup_path=path)
        finally:
            client.run("chmod 755 /backup; chown root /backup; rm -f /root/link")
        assert outcome.exit_code == 1
        assert CLIENT_1 in codes(site)["unsafe-destination"]
        assert said in outcome.output
    assert client.run(f"cat {RECORD} 2>/dev/null || true").stdout == kept


def test_a_folder_that_somebody_has_made_for_a_pool_is_not_used(site: Site) -> None:
    client = site.lab.node(CLIENT_1)
    up_to(site, "check")
    pool, _ = containers(site)[0]
    client.run(f"rm -rf /backup/{pool}; install -d -o {USER} -m 777 /backup/{pool}")
    outcome = stage(site, "backup")
    assert outcome.exit_code == 1
    assert "unsafe-destination" in codes(site)
    assert f"/backup/{pool} belongs to user " in outcome.output
    assert client.run(f"ls -A /backup/{pool}").stdout == ""
    client.run(f"rmdir /backup/{pool}")
    done(site, "backup", "verify")


def test_a_dcp_that_a_copy_would_not_see_is_named_by_the_check(site: Site) -> None:
    """It sees nothing of a node to which a link could lead it; the site says what it needs."""
    for name in (CLIENT_1, CLIENT_2):
        site.lab.node(name).run("install -D /usr/bin/dcp /apps/bin/dcp")
    elsewhere = {"copy_way": "parallel", "dcp": "/apps/bin/dcp"}
    outcome = stage(site, "check", **elsewhere)
    assert outcome.exit_code == 1
    assert codes(site) == {"program-missing": [CLIENT_1, CLIENT_2]}
    assert "/apps/bin/dcp cannot run there: it is not there. " in outcome.output
    assert "copy_needs" in outcome.output
    done(site, "check", "backup", "verify", **elsewhere, copy_needs=["/apps"])


def test_who_is_not_root_reads_nothing_of_a_migration(site: Site) -> None:
    """Neither the backup, nor jobs, records and progress, which name private files."""
    up_to(site, "verify")
    for name in (CLIENT_1, CLIENT_2):
        node = site.lab.node(name)
        places = "/backup /run/daos-offline-update /var/lib/daos-offline-update"
        found = f"find {places} -type f -readable 2>/dev/null || true"
        assert node.run(found, user=USER).stdout == ""
        assert node.run(f"find {places} -type f 2>/dev/null | head -n 1").stdout
    assert json.loads(site.lab.node(CLIENT_1).read(RECORD))["done"]
