"""Migration on a lab: a walk through all stages.

What must not be done is tried, and every later stage is interrupted once.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from testbed import faults
from testbed.lab.harness import LabNode

from .. import drawn
from ..site import ADMIN, CLIENT, SERVER, Outcome, Site, StartSite
from ..usage import mounted
from ..waiting import eventually
from .stages import (
    ADMIN_1,
    CLIENT_1,
    CLIENT_2,
    FLIP,
    MIGRATE,
    RECORD,
    SYSTEM,
    assert_serving,
    codes,
    containers,
    digest,
    done,
    formats,
    interrupted,
    record,
    stage,
    state_of,
    tree,
)

SERVERS = ["daos-server-01", "daos-server-02"]
NODES = [
    *(LabNode(name, SERVER, "el83") for name in SERVERS),
    LabNode(ADMIN_1, ADMIN, "el83"),
    *(LabNode(name, CLIENT, "el83") for name in (CLIENT_1, CLIENT_2)),
]
SEEDS = (7, 8, 9)
ELSEWHERE = "/opt/site/daos_server.yml"
FILES = 12  # of every kind, in each container
TREES = 8  # as Hypothesis makes them, in each container
ENGINES = 2  # a server

# Formats one server, and comes to no end; where a system runs it is refused, as the real one is.
HALF = f"""\
#!/bin/sh
case "$*" in
*"storage format"*)
    dmg.kept -j storage format --force -l {SERVERS[0]} || exit 1
    sleep 60 ;;
*) exec dmg.kept "$@" ;;
esac
"""


def fill(site: Site, pool: str, container: str, seed: int) -> None:
    site.lab.node(CLIENT_1).run(f"daos-job {pool} {container} --tree {FILES} --seed {seed}")


def pour(site: Site, folder: Path, pool: str, container: str) -> None:
    """Put a folder of this machine into a container."""
    client = site.lab.node(CLIENT_1)
    with mounted(client, pool, container) as mount:
        drawn.bring(folder, client, mount)


def agents(site: Site) -> dict[str, str]:
    """How daos_agent is on each client."""
    return {
        name: state_of(site.lab.node(name), "daos_agent").split()[0]
        for name in (CLIENT_1, CLIENT_2)
    }


def test_a_system_is_led_through_all_stages(start_fresh_site: StartSite, tmp_path: Path) -> None:
    site = _verified(start_fresh_site, tmp_path)
    _install_refuses_a_configuration_that_cannot_be_converted(site)
    trees = _install_is_interrupted_and_taken_up(site)
    _the_operating_system_came_along_with_daos(site)
    _the_configuration_is_converted_and_the_old_one_kept(site)

    _format_wants_the_name_of_the_system(site)
    _a_bit_that_flipped_after_the_verification_is_found(site)
    _a_manifest_that_was_changed_is_found(site)
    _a_server_that_does_not_stay_up_is_noticed_before_anything_is_erased(site)
    _half_a_format_is_finished_and_none_is_done_twice(site)

    _storage_that_has_pools_again_is_not_formatted(site)
    _a_restoration_is_interrupted_and_taken_up(site, trees)
    _the_last_stage_shows_what_was_and_what_is(site)
    _deploy_py_finds_nothing_to_do_after_it(site)


def _verified(start: StartSite, folder: Path) -> Site:
    """A 1.2 system whose backup is verified; one container was copied in parallel."""
    site = start(NODES, version="1.2.0", backup_mib=0)
    drawn.build(folder, TREES)
    for (pool, container), seed in zip(containers(site), SEEDS, strict=False):
        fill(site, pool, container, seed)
        pour(site, folder, pool, container)
    done(site, "check", "backup", copy_way="serial")
    fill(site, *containers(site)[-1], SEEDS[2])
    done(site, "backup", copy_way="parallel")
    done(site, "verify")
    return site


def _install_refuses_a_configuration_that_cannot_be_converted(site: Site) -> None:
    server = site.lab.node(SERVERS[1])
    path = "/etc/daos/daos_server.yml"
    with faults.FILE_REPLACED.on(server, path=path, text=server.read(path) + "modules: vos\n"):
        outcome = _with_a_file_elsewhere(site)
    assert sorted(codes(site)["configuration"]) == SERVERS, outcome.output
    assert "the key modules" in outcome.output
    assert f"daos_server.service reads {ELSEWHERE}" in outcome.output


def _with_a_file_elsewhere(site: Site) -> Outcome:
    """An installation, where the unit of one server has it read another file."""
    server = site.lab.node(SERVERS[0])
    folder = "/etc/systemd/system/daos_server.service.d"
    line = f"ExecStart=/usr/bin/daos_server start -o {ELSEWHERE}"
    text = f"[Service]\\nExecStart=\\n{line}\\n"
    server.run(f"mkdir -p {folder}; printf '{text}' > {folder}/site.conf; systemctl daemon-reload")
    try:
        return stage(site, "install")
    finally:
        server.run(f"rm -r {folder}; systemctl daemon-reload")


def _install_is_interrupted_and_taken_up(site: Site) -> dict[str, Any]:
    """What the containers hold right before DAOS is stopped, by their UUIDs in 1.x."""
    trees = {}
    for pool, container in containers(site):
        with mounted(site.lab.node(CLIENT_1), pool, container) as mount:
            trees[container] = tree(site.lab.node(CLIENT_1), mount)
    site.lab.note_contents({pair[1]: digest(site, *pair) for pair in containers(site)})
    interrupted(site, "install", "See that DAOS holds exactly")
    assert agents(site)[CLIENT_2] != "active"
    interrupted(site, "install", "Replace the DAOS packages")
    assert set(agents(site).values()) == {"inactive"}
    site.wait_for_package_managers()
    done(site, "install")
    assert record(site)["done"]["install"]
    return trees


def _the_operating_system_came_along_with_daos(site: Site) -> None:
    for node in site.lab.nodes.values():
        assert "release 8.4" in node.run("cat /etc/redhat-release").stdout
    assert set(map(frozenset, site.versions().values())) == {frozenset({"2.0.3"})}


def _the_configuration_is_converted_and_the_old_one_kept(site: Site) -> None:
    for name in SERVERS:
        server = site.lab.node(name)
        now, before = (
            server.read(f"/etc/daos/daos_server.yml{end}").splitlines()
            for end in ("", ".1.x-backup")
        )
        assert [line for line in now if line not in before] == ["enable_vmd: false", "engines:"]
        assert [line for line in before if line not in now] == ["disable_vmd: true", "servers:"]


# Format


def refused_format(site: Site, *wanted: str, **data: Any) -> str:
    """A format that is refused for this, and changes nothing."""
    before = formats(site)
    outcome = stage(site, "format", **data)
    assert outcome.exit_code == 1
    assert set(codes(site)) == set(wanted), outcome.output
    assert formats(site) == before
    for name in SERVERS:
        server = site.lab.node(name)
        assert server.run("systemctl is-active daos_server", check=False).stdout == "inactive\n"
    return outcome.output


def _format_wants_the_name_of_the_system(site: Site) -> None:
    assert "--data system=daos_server" in refused_format(site, "not-confirmed")
    refused_format(site, "wrong-system", system="daos")


def _a_bit_that_flipped_after_the_verification_is_found(site: Site) -> None:
    client = site.lab.node(CLIENT_2)
    path = client.run("find /backup -path '*/data/object-0005' | sort | head -n 1").stdout.strip()
    client.run(f"cp -p '{path}' /root/kept && python3 -c '{FLIP}' '{path}'")
    client.run(f"touch -r /root/kept '{path}'")
    output = refused_format(site, "backup-differs", **SYSTEM)
    assert path.partition("/data/")[2] in output
    client.run(f"cp -p /root/kept '{path}'")


def _a_manifest_that_was_changed_is_found(site: Site) -> None:
    client = site.lab.node(CLIENT_2)
    path = client.run("find /backup -name manifest.mtree | sort | head -n 1").stdout.strip()
    client.run(f"cp -p '{path}' /root/kept && echo >> '{path}'")
    refused_format(site, "manifest-changed", **SYSTEM)
    client.run(f"cp -p /root/kept '{path}'")


def _a_server_that_does_not_stay_up_is_noticed_before_anything_is_erased(site: Site) -> None:
    """As one does whose configuration it cannot read."""
    before = formats(site)
    server = site.lab.node(SERVERS[1])
    stays = "/usr/local/stays"
    text = f"#!/bin/sh\nwhile [ -e {stays} ]; do sleep 0.1; done\nexit 1\n"
    server.run(f"touch {stays}")
    with faults.FILE_REPLACED.on(server, path="/usr/bin/daos_server", text=text):
        outcome = site.typed_until(
            "not every daos_server has been up",
            lambda: server.run(f"rm {stays}"),
            *(MIGRATE, "-y"),
            stage="format",
            **SYSTEM,
        )
    assert codes(site) == {"format-failed": [ADMIN_1]}, outcome.output
    assert f"daos_server does not stay up on {SERVERS[1]}" in outcome.output
    assert formats(site) == before


def _half_a_format_is_finished_and_none_is_done_twice(site: Site) -> None:
    admin = site.lab.node(ADMIN_1)
    erased = formats(site) + ENGINES * len(SERVERS)  # what 1.x wrote goes before the format
    with faults.FILE_REPLACED.on(admin, path="/usr/bin/dmg", text=HALF):
        interrupted(
            site,
            "format",
            "dmg storage format --force",
            lambda: eventually(lambda: formats(site) == erased + ENGINES),
            **SYSTEM,
        )
    done(site, "format", **SYSTEM)
    assert formats(site) == erased + ENGINES * len(SERVERS)
    done(site, "format", **SYSTEM)
    assert formats(site) == erased + ENGINES * len(SERVERS)


# Restore and finish


def _storage_that_has_pools_again_is_not_formatted(site: Site) -> None:
    interrupted(site, "restore", "Start daos_agent on the clients that copy")
    before = formats(site)
    changed = record(site)
    changed["done"].pop("format")
    admin = site.lab.node(ADMIN_1)
    admin.run(f"cp {RECORD} /root/record.json")
    admin.run(f"printf %s '{json.dumps(changed)}' > {RECORD}")
    outcome = stage(site, "format", **SYSTEM)
    assert outcome.exit_code == 1
    assert "has-pools" in codes(site), outcome.output
    assert formats(site) == before
    admin.run(f"cp /root/record.json {RECORD}")


def _a_restoration_is_interrupted_and_taken_up(site: Site, trees: dict[str, Any]) -> None:
    interrupted(site, "restore", ", was ")
    done(site, "restore")
    known = record(site)
    assert {entry["uuid"] for entry in known["containers"]} == set(trees)
    assert {entry["way"] for entry in known["containers"]} == {"serial", "parallel"}
    client = site.lab.node(CLIENT_1)
    for entry in known["containers"]:
        with mounted(client, entry["new_pool"], entry["new_uuid"]) as mount:
            assert tree(client, mount) == trees[entry["uuid"]]
    pools = [pool["label"] for pool in site.lab.pool_list()]
    assert sorted(pools) == sorted(pool["label"] for pool in known["pools"])


def _the_last_stage_shows_what_was_and_what_is(site: Site) -> None:
    interrupted(site, "finish", "Let DAOS start at boot")
    outcome = stage(site, "finish")
    assert (outcome.exit_code, site.report["outcome"]) == (0, "complete"), outcome.output
    for entry in record(site)["containers"]:
        line = next(line for line in outcome.output.splitlines() if entry["uuid"] in line)
        assert entry["new_uuid"] in line
        assert entry["label"] in line
    assert "/backup; it is yours to remove" in outcome.output
    for name in SERVERS:
        assert_serving(site.lab.node(name), "daos_server")
    for name in (CLIENT_1, CLIENT_2):
        assert_serving(site.lab.node(name), "daos_agent")
    site.lab.containers = {}  # those of 1.x
    site.lab.note_contents(
        {
            entry["label"]: digest(site, entry["new_pool"], entry["new_uuid"])
            for entry in record(site)["containers"]
        }
    )


def _deploy_py_finds_nothing_to_do_after_it(site: Site) -> None:
    outcome = site.update()
    assert (outcome.exit_code, site.report["outcome"]) == (0, "nothing to do"), outcome.output
