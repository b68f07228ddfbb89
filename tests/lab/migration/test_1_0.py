"""From 1.0 to 2.0: its tools speak otherwise, and a site comes through all the same."""

from __future__ import annotations

import json
import re
from typing import Any

from testbed.lab.harness import LabNode

from ..site import ADMIN, CLIENT, SERVER, Site, StartSite
from ..usage import hold, let_go, mounted, mounts
from ..waiting import eventually
from .stages import (
    ADMIN_1,
    CLIENT_1,
    CLIENT_2,
    SYSTEM,
    assert_serving,
    codes,
    digest,
    done,
    left_mounts,
    record,
    stage,
    tree,
)

SERVER_1, SERVER_2 = "daos-server-01", "daos-server-02"
NODES = [
    LabNode(SERVER_1, SERVER, "el7"),  # the access point
    LabNode(SERVER_2, SERVER, "el7"),
    LabNode(ADMIN_1, ADMIN, "el7"),
    LabNode(CLIENT_1, CLIENT, "el7"),
    LabNode(CLIENT_2, CLIENT, "el7"),
]
FILES = 12  # in each container, besides the objects: of every kind


def configuration(site: Site) -> dict[str, str]:
    """What stands in /etc/daos, by node."""
    return {
        name: site.lab.node(name).run("cd /etc/daos && tail -n +1 *.yml").stdout
        for name in (SERVER_1, SERVER_2, ADMIN_1, CLIENT_1, CLIENT_2)
    }


def service(site: Site, pool: str) -> list[str]:
    """The ranks of a pool's service, as `dmg pool list` names them."""
    said = site.lab.node(ADMIN_1).run(f"dmg -l {SERVER_1} pool list").stdout
    return re.findall(r"\d+", re.findall(rf"^{pool} +([\d,]+)", said, re.MULTILINE)[0])


def shown(site: Site, pool: str, container: str) -> Any:
    """The tree of a container as a user sees it; dfuse of 1.0 returns before it has mounted."""
    client, where = site.lab.node(CLIENT_1), "/mnt/user"
    svc = ":".join(service(site, pool))
    client.run(f"mkdir -p {where}")
    client.run(f"dfuse --svc={svc} --pool={pool} --container={container} --mountpoint={where}")
    eventually(lambda: where in mounts(client))
    found = tree(client, where)
    client.run(f"fusermount3 -u {where}")
    return found


def test_a_site_is_led_from_1_0_to_2_0_by_way_of_a_rollback(start_fresh_site: StartSite) -> None:
    site = start_fresh_site(NODES, version="1.0.1", backup_mib=0)
    for seed, (label, pool) in enumerate(sorted(site.lab.pools.items())):
        container = site.lab.containers[label]
        site.lab.node(CLIENT_1).run(f"daos-job {pool} {container} --tree {FILES} --seed {seed}")
    _the_check_reads_pools_and_containers(site)
    configured = configuration(site)
    trees = _the_backup_equals_what_dfuse_shows(site)
    _who_uses_a_pool_has_to_go_by_himself(site)
    _install_brings_what_dmg_read_to_where_2_0_reads_it(site, configured)
    _1_0_comes_back_before_the_format(site, trees, configured)
    _all_files_are_back_in_2_0(site, trees)


def _the_check_reads_pools_and_containers(site: Site) -> None:
    # Where a site's daos.yml names all servers, dmg may ask one that cannot answer.
    site.lab.node(ADMIN_1).run(
        f"sed -i 's/^- {SERVER_1}:.*/&\\n- {SERVER_2}:10001/' /etc/daos/daos.yml"
    )
    said = site.lab.node(ADMIN_1).run("dmg system query", check=False)
    assert "instance is not an access point" in said.stderr
    done(site, "check")
    known = record(site)
    assert known["before"] == "1.0.1"
    assert {pool["uuid"] for pool in known["pools"]} == set(site.lab.pools.values())
    for pool in known["pools"]:
        assert list(map(str, pool["service"])) == service(site, pool["uuid"])
        said = site.lab.node(CLIENT_1).run(
            f"daos pool query --pool={pool['uuid']} --svc={','.join(map(str, pool['service']))}"
        )
        sizes = re.findall(r"Total size: (\d+)", said.stdout)
        assert list(map(str, pool["tier_bytes"])) == sizes
    kinds = {c["uuid"]: (c["type"], c["files"]) for c in known["containers"]}
    assert set(kinds) == set(site.lab.containers.values())
    assert all(kind == "POSIX" and files > FILES for kind, files in kinds.values())
    assert left_mounts(site) == []


def _the_backup_equals_what_dfuse_shows(site: Site) -> dict[str, Any]:
    """What the containers hold, by their UUIDs in 1.0."""
    trees = {}
    done(site, "backup", "verify")
    assert left_mounts(site) == []
    for label, pool in site.lab.pools.items():
        container = site.lab.containers[label]
        trees[container] = shown(site, pool, container)
        copied = tree(site.lab.node(CLIENT_1), f"/backup/{pool}/{container}/data")
        assert copied == trees[container]
    return trees


def _who_uses_a_pool_has_to_go_by_himself(site: Site) -> None:
    """dmg of 1.0 evicts nobody, so the site's word that it may does not help."""
    pool, container = site.lab.pools["tank"], site.lab.containers["tank"]
    client = site.lab.node(CLIENT_2)
    hold(client, pool, container)
    outcome = stage(site, "install", evict_connections="true")
    assert outcome.exit_code == 1
    assert "daos-job" in outcome.output
    assert CLIENT_2 in outcome.output
    assert set(site.lab.node(SERVER_1).run("pgrep -x daos_io_server").stdout.split())
    let_go(client)


def _install_brings_what_dmg_read_to_where_2_0_reads_it(
    site: Site, configured: dict[str, str]
) -> None:
    assert "daos.yml" in configured[ADMIN_1]
    admin = site.lab.node(ADMIN_1)
    before = admin.read("/etc/daos/daos.yml")
    done(site, "install")
    assert admin.read("/etc/daos/daos.yml.1.x-backup") == before
    [change] = [c for c in site.report["configuration"] if "control" in c["path"]]
    assert change["hosts"] == [ADMIN_1]
    assert f"+hostlist: [{SERVER_1}, {SERVER_2}]" in change["diff"]
    said = admin.run("cat /etc/daos/daos_control.yml").stdout
    assert f"hostlist: [{SERVER_1}, {SERVER_2}]" in said
    assert not site.lab.node(SERVER_1).run("pgrep -x daos_io_server", check=False).stdout
    # Typed again, it changes nothing more.
    done(site, "install")
    assert admin.run("cat /etc/daos/daos_control.yml").stdout == said


def _1_0_comes_back_before_the_format(
    site: Site, trees: dict[str, Any], configured: dict[str, str]
) -> None:
    outcome = site.pyinfra("deploys/rollback.py", "-y")
    assert (outcome.exit_code, site.report["outcome"]) == (0, "rolled back"), outcome.output
    assert configuration(site) == configured
    for label, pool in site.lab.pools.items():
        container = site.lab.containers[label]
        assert shown(site, pool, container) == trees[container]
    done(site, "install")


def _all_files_are_back_in_2_0(site: Site, trees: dict[str, Any]) -> None:
    done(site, "format", **SYSTEM)
    done(site, "restore", "finish")
    known = record(site)
    client = site.lab.node(CLIENT_1)
    for entry in known["containers"]:
        with mounted(client, entry["new_pool"], entry["new_uuid"]) as where:
            assert tree(client, where) == trees[entry["uuid"]]
    answer = json.loads(site.lab.node(ADMIN_1).run("dmg -j pool list").stdout)["response"]
    assert sorted(pool["label"] for pool in answer["pools"]) == sorted(
        pool["label"] for pool in known["pools"]
    )
    assert_serving(site.lab.node(SERVER_1), "daos_server")
    assert codes(site) == {}
    site.lab.containers = {}  # those of 1.0
    site.lab.note_contents(
        {
            entry["label"]: digest(site, entry["new_pool"], entry["new_uuid"])
            for entry in known["containers"]
        }
    )
