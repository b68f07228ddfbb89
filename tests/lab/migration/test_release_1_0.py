"""Release 1.0, which speaks otherwise than 1.2, and what 2.0 does on its formatted storage."""

from __future__ import annotations

import re

import pytest

from testbed.lab import provision
from testbed.lab.container import Node
from testbed.lab.harness import Lab

from ..site import StartSite, nodes
from ..waiting import eventually

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
NOBODY = "8aab4bb8-c0e2-4a21-8c16-e4a4b8c1a9d1"
SERVERS = ("daos-server-01", "daos-server-02")
MOUNT = "/mnt/old"
NODES = nodes(2, 1, "el7", "el7")


@pytest.fixture(scope="module")
def lab(start_site: StartSite) -> Lab:
    return start_site(NODES, version="1.0.1").lab


@pytest.fixture(scope="module")
def admin(lab: Lab) -> Node:
    return lab.node("daos-admin-01")


@pytest.fixture(scope="module")
def client(lab: Lab) -> Node:
    return lab.node("daos-client-01")


def _dmg(admin: Node, command: str) -> str:
    """What dmg says after it has said which servers are connected."""
    first, end, rest = admin.run(f"dmg {command}").stdout.partition("\n")
    assert (first, end) == (f"{SERVERS[0]}:10001: connected", "\n")
    return rest


def _tank(lab: Lab) -> str:
    """The options for the container of a pool."""
    return f"--pool={lab.pools['tank']} --container={lab.containers['tank']}"


# Programs


def test_engines_have_their_old_name_and_daemons_are_root(lab: Lab, client: Node) -> None:
    for name in SERVERS:
        server = lab.node(name)
        assert len(server.run("pgrep -x daos_io_server").stdout.split()) == provision.ENGINES
        assert server.run("pgrep -x daos_engine", check=False).exit_code == 1
        assert server.run("ps -o user= -C daos_server").stdout == "root\n"
        assert server.run("getent passwd daos_server", check=False).stdout == ""
    assert client.run("ps -o user= -C daos_agent").stdout == "root\n"
    assert client.run("ls /etc/daos").stdout.split() == ["certs", "daos.yml", "daos_agent.yml"]


def test_every_node_has_the_client(lab: Lab) -> None:
    for name in SERVERS:
        assert lab.node(name).run("rpm -q daos-client").stdout == "daos-client-1.0.1-1.el7.x86_64\n"


def test_ranks_are_started(admin: Node) -> None:
    assert _dmg(admin, "system query") == ("Rank  State   \n----  -----   \n[0-3] Started \n")
    verbose = _dmg(admin, "system query -v").splitlines()
    assert verbose[0].split() == ["Rank", "UUID", "Control", "Address", "State"]
    assert all(re.fullmatch(rf"\d +{UUID} [\d.]+:10001 +Started ", row) for row in verbose[2:])
    assert len(verbose) == 2 + 4
    assert '"message":"Rank  State   \\n----' in admin.run("dmg -j system query").stdout
    assert _dmg(admin, "system leader-query").startswith("Current Leader: ")


def test_dmg_asks_one_server_and_that_has_to_be_the_access_point(admin: Node) -> None:
    said = admin.run(f"dmg -l {','.join(SERVERS)} system query", check=False)
    assert said.exit_code == 1
    assert said.stdout == f"{SERVERS[0]}:10001,{SERVERS[1]}:10001: connected\n"
    assert re.fullmatch(
        r"ERROR: dmg: System-Query command failed: rpc error: code = Unknown desc = "
        r"instance is not an access point, try [\d.]+:10001\n",
        said.stderr,
    )


def test_without_a_connection_nothing_is_done(admin: Node) -> None:
    said = admin.run("dmg -l daos-client-01 pool list", check=False)
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr == (
        "ERROR: daos-client-01:10001: socket connection is not active (TRANSIENT_FAILURE)\n"
        "ERROR: dmg: no active connections\n"
    )


@pytest.mark.parametrize(
    "command", ["pool evict --pool=POOL", "system erase", "storage format --force"]
)
def test_what_came_later_is_not_understood(lab: Lab, admin: Node, command: str) -> None:
    said = admin.run(f"dmg {command.replace('POOL', lab.pools['tank'])}", check=False)
    assert (said.exit_code, said.stdout) == (1, "")
    assert re.match(r"ERROR: dmg: ([Uu]nknown flag|Unknown command) `\w+'", said.stderr)


def test_pools(lab: Lab, admin: Node) -> None:
    listed = _dmg(admin, "pool list").splitlines()
    assert [row.split() for row in listed[2:]] == [[uuid, "0,1,2"] for uuid in lab.pools.values()]
    query = _dmg(admin, f"pool query --pool={lab.pools['tank']}")
    assert query.startswith(f"Pool {lab.pools['tank']}, ntarget=32, disabled=0\n")
    assert "  Total size: 32 GB\n" in query
    assert query.endswith("\nRebuild idle, 0 objs, 0 recs\n")
    made = _dmg(admin, "pool create --scm-size=1G --nsvc=1 --ranks=2,3")
    [uuid] = re.findall(rf"^Pool-create command SUCCEEDED: UUID: ({UUID}), Service rep", made)
    assert made.endswith("Service replicas: 2\n")
    assert _dmg(admin, f"pool destroy --pool={uuid}") == "Pool-destroy command succeeded\n"
    failed = admin.run(f"dmg pool query --pool={uuid}", check=False)
    assert failed.stderr == "ERROR: dmg: pool query failed: DAOS returned error code: -1005\n"


def test_the_system_is_stopped_and_started(lab: Lab, admin: Node) -> None:
    done = "Rank  Operation Result \n----  --------- ------ \n[0-3] {:<9} OK     \n"
    assert _dmg(admin, "system stop") == done.format("stop")
    assert "[0-3] Stopped \n" in _dmg(admin, "system query")
    assert lab.node(SERVERS[0]).run("pgrep -x daos_io_server", check=False).exit_code == 1
    assert _dmg(admin, "system start") == done.format("start")
    lab.wait_joined()


# The user's tools


@pytest.mark.parametrize(
    ("command", "exit_code", "said"),
    [
        ("pool list-cont --pool=POOL", 255, "--svc must be specified\nerror parsing command"),
        ("pool list-cont --pool=POOL --svc=", 255, "failed to parse--svc=\nerror parsing"),
        ("pool list-cont --svc=0", 2, "pool UUID required"),
        ("pool list-cont --pool=POOL --svc=3", 1, "failed to connect to pool: -1005\n"),
        (f"pool list-cont --pool={NOBODY} --svc=0", 1, "failed to connect to pool: -1005\n"),
        (f"cont query --pool=POOL --svc=0 --cont={NOBODY}", 1, "cont open failed: -1005\n"),
        ("pool ls --pool=POOL --svc=0", 255, "invalid pool command: ls\n"),
        ("cont list-obj --pool=POOL", 255, "container list-obj not yet implemented\n"),
        ("version", 0, "daos version 1.0.1\n"),
    ],
)
def test_what_daos_says(lab: Lab, client: Node, command: str, exit_code: int, said: str) -> None:
    done = client.run(f"daos {command.replace('POOL', lab.pools['tank'])}", check=False)
    assert done.exit_code == exit_code
    assert (done.stderr or done.stdout).startswith(said)


def test_containers(lab: Lab, client: Node) -> None:
    pool = f"--pool={lab.pools['tank']} --svc=1,3"  # one rank that serves the pool is enough
    assert client.run(f"daos pool list-cont {pool}").stdout == f"{lab.containers['tank']}\n"
    assert "  Total size: 32000000000\n" in client.run(f"daos pool query {pool}").stdout
    made = client.run(f"daos cont create {pool} --type=POSIX").stdout
    [container] = re.findall(rf"^Successfully created container ({UUID})\n$", made)
    told = client.run(f"daos cont get-prop {pool} --cont={container}").stdout
    assert "\nlayout type -> 1/POSIX\n" in told
    gone = client.run(f"daos cont destroy {pool} --cont={container}").stdout
    assert gone == f"Successfully destroyed container {container}\n"


def _mounted(client: Node) -> str:
    return client.run(f"findmnt -n -o FSTYPE {MOUNT}", check=False).stdout


def test_dfuse_returns_before_it_connects(lab: Lab, client: Node) -> None:
    client.run(f"mkdir -p {MOUNT}")
    said = client.run(f"dfuse --mountpoint={MOUNT} {_tank(lab)}", check=False)
    assert (said.exit_code, said.stdout.splitlines()[0]) == (1, "Svcl is required")
    client.run(f"dfuse --mountpoint={MOUNT} --svc=0:1:2 {_tank(lab)}")
    assert eventually(lambda: _mounted(client)) == "fuse.daos\n"
    assert "object-0000\n" in client.run(f"ls {MOUNT}").stdout
    client.run(f"fusermount3 -u {MOUNT}")


@pytest.mark.parametrize("wrong", ["pool", "ranks"])
def test_dfuse_does_not_tell_that_it_cannot_connect(lab: Lab, client: Node, wrong: str) -> None:
    options = _tank(lab)
    if wrong == "pool":
        options = options.replace(lab.pools["tank"], NOBODY)
    client.run(f"mkdir -p {MOUNT}")
    said = client.run(f"dfuse -m {MOUNT} --svc={3 if wrong == 'ranks' else 0} {options}")
    assert (said.exit_code, said.stdout, said.stderr) == (0, "", "")
    eventually(lambda: client.run("pgrep -x dfuse", check=False).exit_code == 1)
    assert _mounted(client) == ""


# 2.0 on it


def _install(node: Node, *packages: str) -> None:
    source = f"--repofrompath=daos,http://{provision.REPOSITORY}/v2.0/CentOS7 --nogpgcheck"
    node.run(f"yum -y -q --disablerepo='*' {source} install {' '.join(packages)}")


def test_2_0_is_installed_over_1_0_and_formats_its_storage(start_fresh_site: StartSite) -> None:
    lab = start_fresh_site(NODES, version="1.0.1").lab
    admin = lab.node("daos-admin-01")
    _the_package_manager_updates_every_package(lab, admin)
    _2_0_aborts_on_storage_of_1_0_and_formats_it(lab, admin)


def _the_package_manager_updates_every_package(lab: Lab, admin: Node) -> None:
    _dmg(admin, "system stop")
    servers = [lab.node(name) for name in SERVERS]
    for server in servers:
        server.run("systemctl stop daos_server")
        _install(server, "daos-2.0.3", "daos-server-2.0.3")
        assert _packages(server) == {"daos 2.0.3", "daos-client 2.0.3", "daos-server 2.0.3"}
    _install(admin, "daos-2.0.3", "daos-client-2.0.3")
    assert _packages(admin) == {"daos 2.0.3", "daos-client 2.0.3"}
    # What an administrator has written into daos.yml is kept; 2.0 reads another file.
    assert f"- {SERVERS[0]}:10001\n" in admin.run("cat /etc/daos/daos.yml.rpmsave").stdout
    assert "localhost" in admin.run("cat /etc/daos/daos_control.yml").stdout
    hosts = f"hostlist: [{', '.join(SERVERS)}]"
    admin.run(f"sed -i 's/^hostlist:.*/{hosts}/' /etc/daos/daos_control.yml")


def _packages(node: Node) -> set[str]:
    found = node.run("rpm -qa --qf '%{NAME} %{VERSION}\\n' 'daos*' | grep -v hwloc").stdout
    return set(found.splitlines())


def _2_0_aborts_on_storage_of_1_0_and_formats_it(lab: Lab, admin: Node) -> None:
    for name in SERVERS:
        server = lab.node(name)
        said = server.run("timeout 5 daos_server start", check=False)
        assert said.exit_code == 1
        assert 'use "engines" instead' in said.stdout
        server.run("sed -i 's/^servers:/engines:/' /etc/daos/daos_server.yml")
        server.run("systemctl start daos_server")
    count = len(SERVERS) * provision.ENGINES
    eventually(lambda: len(_aborts(lab)) == count)
    for reason in _aborts(lab):
        assert re.match(r"storage layout version 1 of /mnt/daos\d is not compatible", reason)
    assert server.run("ps -o user= -C daos_server").stdout == "daos_server\n"

    assert "[0-3] Stopped" in eventually(lambda: _said(admin, "system query"))
    eventually(lambda: admin.run("dmg system erase", check=False).exit_code == 0)
    eventually(lambda: "(storage format required?)" in _said(admin, "system query 2>&1"))
    eventually(lambda: _all_have_joined_once_formatted(admin))
    assert len(server.run("pgrep -x daos_engine").stdout.split()) == provision.ENGINES


def _said(admin: Node, command: str) -> str:
    return admin.run(f"dmg {command}", check=False).stdout


def _all_have_joined_once_formatted(admin: Node) -> bool:
    """After an erase the access point starts anew, and may answer no format that it has done."""
    for name in SERVERS:
        _said(admin, f"-l {name} storage format")
    return "[0-3] Joined" in _said(admin, "system query")


def _aborts(lab: Lab) -> list[str]:
    return [
        str(event["details"]["reason"])
        for event in lab.events()
        if (event["program"], event["event"]) == ("daos_engine", "abort")
    ]
