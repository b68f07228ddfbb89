"""Release 1.2, and what 2.0 does on storage that 1.2 has formatted."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from testbed.lab import backup, provision, system
from testbed.lab.container import Node
from testbed.lab.harness import Lab

from .. import usage
from ..site import StartSite, nodes
from ..waiting import eventually

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
TREE = 40
NODES = nodes(1, 1, "el83", "el83")


@pytest.fixture(scope="module")
def lab(start_site: StartSite) -> Lab:
    return start_site(NODES, version="1.2.0").lab


@pytest.fixture(scope="module")
def client(lab: Lab) -> Node:
    return lab.node("daos-client-01")


def _admin(lab: Lab, command: str) -> str:
    return lab.having("admins")[0].run(f"dmg {command}").stdout


def _response(lab: Lab, command: str) -> Any:
    return json.loads(_admin(lab, f"-j {command}"))["response"]


def _tank(lab: Lab) -> str:
    return lab.pools["tank"]


# The user's tool of 1.2


def _layout(client: Node, pool: str, container: str) -> str:
    said = client.run(f"daos container get-prop --pool={pool} --cont={container}").stdout
    [layout] = re.findall(r"^layout type:\t\t(.*)$", said, re.MULTILINE)
    return layout


def test_containers_are_listed_one_a_line(lab: Lab, client: Node) -> None:
    listed = client.run(f"daos pool list-containers --pool={lab.pools['scratch']}").stdout
    assert listed == f"{lab.containers['scratch']}\n"


def test_only_get_prop_tells_what_a_container_is(lab: Lab, client: Node) -> None:
    pool = _tank(lab)
    kinds = {
        "--type=POSIX": "POSIX (0x1)",
        "": "unknown (0x0)",
        "--type=HDF5": "unknown (0x0)",  # as the real one: a path is what makes it HDF5
        "--type=HDF5 --path=/tmp/file.h5": "HDF5 (0x2)",
    }
    for options, layout in kinds.items():
        said = client.run(f"daos container create --pool={pool} {options}").stdout
        [container] = re.findall(rf"Successfully created container ({UUID})", said)
        assert _layout(client, pool, container) == layout
        query = client.run(f"daos container query --pool={pool} --cont={container}").stdout
        assert query.startswith(f"Pool UUID:\t{pool}\nContainer UUID:\t{container}\n")
        assert "ype" not in query
        gone = client.run(f"daos container destroy --pool={pool} --cont={container}").stdout
        assert gone == f"Successfully destroyed container {container}\n"
    assert client.run("daos container query --path=/tmp/file.h5", check=False).exit_code == 1


@pytest.mark.parametrize(
    ("command", "exit_code", "said"),
    [
        ("pool list-containers", 2, "pool UUID required"),
        ("pool list-containers --pool=tank", 255, "failed to parse pool UUID: tank"),
        ("pool list-containers -j --pool=POOL", 255, "invalid option -- 'j'"),
        ("container create --pool=POOL --label=x", 255, "unrecognized option '--label'"),
        ("container create --pool=POOL --type=TAR", 255, "unknown container type TAR"),
        ("container make --pool=POOL", 255, "invalid container command: make"),
        ("container query --pool=POOL", 2, "container UUID required"),
        ("container query --pool=POOL --cont=POOL", 1, "failed to open container POOL"),
        ("pool query --pool=POOL extra", 255, "unexpected extra argument : 'extra'"),
        ("system query", 2, "usage: daos RESOURCE COMMAND [OPTIONS]"),
        ("pool", 2, "usage: daos RESOURCE COMMAND [OPTIONS]"),
        ("help", 0, "usage: daos RESOURCE COMMAND [OPTIONS]"),
        ("version", 0, "daos version 1.2.0, libdaos 1.2.0"),
    ],
)
def test_what_the_old_tool_does_not_understand(
    lab: Lab, client: Node, command: str, exit_code: int, said: str
) -> None:
    pool = _tank(lab)
    done = client.run(f"daos {command.replace('POOL', pool)}", check=False)
    assert done.exit_code == exit_code
    assert said.replace("POOL", pool) in done.stdout + done.stderr


def test_pools_of_1_2(lab: Lab) -> None:
    made = _response(lab, "pool create --size 4G --name labelled")
    count = provision.ENGINES
    assert set(made) == {"uuid", "svc_reps", "tgt_ranks", "scm_bytes", "nvme_bytes"}
    assert (made["scm_bytes"], made["nvme_bytes"]) == (240_000_000 // count, 4 * 10**9 // count)
    queried = _response(lab, f"pool query --pool={made['uuid']}")
    assert (queried["scm"]["total"], queried["nvme"]["total"]) == (240_000_000, 4 * 10**9)
    assert "succeeded" in _admin(lab, f"pool destroy --pool={made['uuid']}")

    made = _response(lab, "pool create --scm-size 1G --nvme-size 8G")
    assert (made["scm_bytes"], made["nvme_bytes"]) == (10**9, 8 * 10**9)
    _admin(lab, f"pool destroy --pool={made['uuid']}")
    said = _admin(lab, "pool create --size 4G")
    assert said.startswith(
        "Creating DAOS pool with automatic storage allocation: 4.0 GB NVMe + 6.00% SCM\n"
        "Pool created with 6.00% SCM/NVMe ratio\n"
    )
    [uuid] = re.findall(rf"UUID +: ({UUID})", said)
    _admin(lab, f"pool destroy --pool={uuid}")
    assert len(_response(lab, "system list-pools")["pools"]) == len(lab.pools)


def test_a_pool_in_use_is_destroyed_only_by_force(lab: Lab, client: Node) -> None:
    pool = _response(lab, "pool create --size 1G")["uuid"]
    said = client.run(f"daos container create --pool={pool} --type=POSIX").stdout
    [container] = re.findall(rf"({UUID})", said)
    with usage.mounted(client, pool, container) as place:
        refused = lab.having("admins")[0].run(f"dmg pool destroy --pool={pool}", check=False)
        assert "DER_BUSY" in refused.stderr
        client.run(f"touch {place}/file")
        _admin(lab, f"pool destroy --pool={pool} --force")
        assert "Input/output error" in client.run(f"ls {place}", check=False).stderr


# 2.0 on it


def _install(node: Node, *packages: str) -> None:
    source = f"--repofrompath=daos,http://{provision.REPOSITORY}/v2.0/EL8 --nogpgcheck"
    node.run(f"dnf -y -q --disablerepo='*' {source} install {' '.join(packages)}")


def _refused(server: Node, key: str, change: str) -> str:
    """Why daos_server does not start with a key of 1.x, which is then made one of 2.0."""
    server.run(f"grep '^{key}:' /etc/daos/daos_server.yml")
    said = server.run("timeout 5 daos_server start", check=False)
    server.run(f"sed -i '{change}' /etc/daos/daos_server.yml")
    assert said.exit_code == 1
    return said.stdout


def _incarnations(admin: Node) -> set[int]:
    """What tells one start of an engine from the one before."""
    return {member["incarnation"] for member in usage.members(admin)}


def test_2_0_starts_anew_on_storage_of_1_2(start_fresh_site: StartSite) -> None:
    lab = start_fresh_site(NODES, version="1.2.0", backup_mib=64).lab
    client = lab.node("daos-client-01")
    server, admin = lab.node("daos-server-01"), lab.having("admins")[0]
    pool, container = _tank(lab), lab.containers["tank"]
    client.run(f"daos-job {pool} {container} --tree {TREE} --seed 5")
    _back_up(client, pool, container, "/backup/some where/data")
    ranks = {member["rank"]: member["uuid"] for member in usage.members(admin)}
    _admin(lab, "system stop")
    for node, unit in ((client, "daos_agent"), (server, "daos_server")):
        node.run(f"systemctl stop {unit}")
    _install(server, "daos-2.0.3", "daos-server-2.0.3")
    for node in (client, admin):
        _install(node, "daos-2.0.3", "daos-client-2.0.3")
    vmd = _refused(server, "disable_vmd", "/^disable_vmd:/d")
    assert "field disable_vmd not found in type config.Server" in vmd
    assert 'use "engines" instead' in _refused(server, "servers", "s/^servers:/engines:/")

    server.run("systemctl start daos_server")
    eventually(lambda: len(_aborts(lab)) == provision.ENGINES)
    members = eventually(
        lambda: usage.members(admin)
    )  # the management service still knows the old system
    assert {member["rank"]: member["uuid"] for member in members} == ranks
    assert {member["state"] for member in members} == {"stopped"}
    said = admin.run("dmg storage format --force", check=False)
    assert said.exit_code == 1
    assert "storage format invoked on a running system" in said.stderr
    assert server.run("systemctl is-active daos_server").stdout == "active\n"

    _admin(lab, "system erase")
    eventually(lambda: admin.run("dmg storage format", check=False).exit_code == 0)
    eventually(lambda: {member["state"] for member in usage.members(admin)} == {"joined"})
    assert len(usage.members(admin)) == provision.ENGINES
    assert not {member["uuid"] for member in usage.members(admin)} & set(ranks.values())
    assert _admin(lab, "pool list") == "no pools in system\n"
    formatted = [e["details"] for e in lab.events() if e["event"] == "storage-formatted"]
    held = {uuid: about for details in formatted for uuid, about in details["containers"].items()}
    assert held[container]["pool"] == pool
    assert held[container]["files"] == TREE + system.OBJECTS
    witness = {uuid: path for details in formatted for uuid, path in details["witness"].items()}
    found = f"{backup.WITNESS}/some where/data"
    assert witness == {container: found, lab.containers["scratch"]: None}
    before = _incarnations(admin)
    server.run("systemctl restart daos_server")
    # "joined" is what is remembered, until they have joined again.
    eventually(lambda: len(_incarnations(admin) - before) == provision.ENGINES)
    assert {member["state"] for member in usage.members(admin)} == {"joined"}
    assert _admin(lab, "pool list") == "no pools in system\n"

    client.run("systemctl start daos_agent")
    _admin(lab, "pool create --size 4G tank")
    made = json.loads(client.run("daos -j container create tank --label home --type POSIX").stdout)
    assert made["response"]["container_type"] == "POSIX"
    query = json.loads(client.run("daos -j container query tank home").stdout)["response"]
    assert query == made["response"]
    props = json.loads(client.run("daos -j container get-prop tank home").stdout)["response"]
    assert {p["name"]: p["value"] for p in props}["layout_type"] == "POSIX (1)"
    client.run("daos-job tank home --tree 5")


def _back_up(client: Node, pool: str, container: str, folder: str) -> None:
    with usage.mounted(client, pool, container) as place:
        client.run(f"mkdir -p '{folder}' && cp -a {place}/. '{folder}'")


def _aborts(lab: Lab) -> list[dict[str, Any]]:
    return [e for e in lab.events() if (e["program"], e["event"]) == ("daos_engine", "abort")]
