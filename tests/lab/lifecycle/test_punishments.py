"""The simulated DAOS punishes mistakes as DAOS does, and does no harm where none is made.

An update that is tested on a system that forgives proves nothing.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator

import pytest

from testbed import faults
from testbed.lab import provision, system
from testbed.lab.container import Node, Result
from testbed.lab.harness import Lab, LabNode
from testbed.sim.client.job import content

from .. import usage
from ..site import ADMIN, SERVER, StartSite, nodes
from ..waiting import eventually

ENGINES = provision.ENGINES
TARGETS = provision.TARGETS
MOUNT = "/home/ops/data"
POOLS = system.POOLS


# One system for all tests but those about releases; each test leaves it as it was


@pytest.fixture(scope="module")
def whole(start_site: StartSite) -> Lab:
    """Four servers, the first three of them replicas of the management service."""
    return start_site(nodes(servers=4, clients=1)).lab


@pytest.fixture(scope="module")
def digests(whole: Lab) -> dict[str, str]:
    """The data at the beginning."""
    return whole.digests()


@pytest.fixture
def lab(whole: Lab, digests: dict[str, str]) -> Iterator[Lab]:
    yield whole
    _put_right(whole)
    assert [pool["targets_disabled"] for pool in whole.pool_list()] == [0] * len(POOLS)
    assert whole.digests() == digests


def _put_right(lab: Lab) -> None:
    for server in lab.having("servers"):
        server.container.reload()
        if server.container.status != "running":
            server.start()
        faults.clear(server)
        server.run("systemctl start daos_server")
    if not _all(lab, "joined"):
        _dmg(lab, "system start", check=False)
    lab.wait_joined()
    for pool in lab.pool_list():
        if pool["targets_disabled"]:
            ranks = len(lab.having("servers")) * ENGINES  # those not disabled in it are refused
            one = f"dmg pool reintegrate {pool['label']} --rank {{}}"
            _admin(lab).run(f"seq 0 {ranks - 1} | xargs -P 2 -I {{}} {one}", check=False)


def _admin(lab: Lab) -> Node:
    return lab.having("admins")[0]


def _client(lab: Lab) -> Node:
    return lab.having("clients")[0]


def _dmg(lab: Lab, arguments: str, check: bool = True) -> Result:
    return _admin(lab).run(f"dmg {arguments}", check=check)


def _ask(lab: Lab, server: str, arguments: str) -> Result:
    """Run dmg with a configuration that names one server: it takes -l for a few commands alone."""
    settings = json.dumps(provision.control_settings([server]))  # which YAML reads, too
    only = f"printf %s {shlex.quote(settings)} > /tmp/only.yml"
    return _admin(lab).run(f"{only} && dmg -o /tmp/only.yml {arguments}")


def _states(lab: Lab) -> dict[str, set[str]]:
    """Server name to the states of its ranks."""
    states: dict[str, set[str]] = {}
    for member in usage.members(_admin(lab)):
        host = member["fault_domain"].lstrip("/")
        states.setdefault(host, set()).add(member["state"].lower())
    return states


def _ranks_of(lab: Lab, server: Node) -> list[int]:
    """The ranks on a server."""
    return [m["rank"] for m in usage.members(_admin(lab)) if m["fault_domain"] == f"/{server.name}"]


def _disabled(lab: Lab) -> dict[str, int]:
    """Pool label to the number of its targets that are disabled."""
    return {pool["label"]: pool["targets_disabled"] for pool in lab.pool_list()}


def _wait_disabled(lab: Lab, targets: int) -> None:
    """Wait until so many targets of each pool are, and all ranks have joined again.

    Before that they are joined, too, until somebody misses them.
    """
    lab.wait_joined()
    eventually(lambda: _disabled(lab) == dict.fromkeys(POOLS, targets))
    lab.wait_joined()


def _all(lab: Lab, state: str) -> bool:
    states = _states(lab)
    return len(states) == len(lab.having("servers")) and set.union(*states.values()) == {state}


def _server_log(server: Node) -> str:
    return server.run("journalctl -u daos_server --no-pager").stdout


def _leader(lab: Lab) -> str:
    """The name of the server that leads the management service; "" while none is known."""
    told = _dmg(lab, "-j system leader-query", check=False)
    answer = json.loads(told.stdout)
    leader = (answer["response"] or {}).get("CurrentLeader", "")
    hosts = {m["addr"]: m["fault_domain"].lstrip("/") for m in usage.members(_admin(lab))}
    return hosts.get(leader, "")


# A stop as it should be


def test_while_the_system_is_stopped_dmg_still_answers(lab: Lab) -> None:
    _dmg(lab, "system stop")
    assert _dmg(lab, "system query -v").stdout.count("Stopped") == 4 * ENGINES
    _dmg(lab, "system start")
    lab.wait_joined()
    assert set(_disabled(lab).values()) == {0}


# Engines that vanish


def test_engines_that_vanish_are_excluded_and_their_targets_disabled(lab: Lab) -> None:
    """One that is killed, those of a server that is stopped under them, and at last all."""
    servers, server = lab.having("servers"), lab.node("daos-server-04")
    assert len(server.run("pgrep -x daos_engine").stdout.split()) == ENGINES
    faults.ENGINE_DIES.plant(server)
    eventually(lambda: _states(lab)[server.name] == {"excluded", "joined"})
    assert _disabled(lab) == dict.fromkeys(POOLS, TARGETS)
    _dmg(lab, "system start")
    lab.wait_joined()
    assert _disabled(lab) == dict.fromkeys(POOLS, TARGETS), "joining alone mends no pool"

    server.run("systemctl stop daos_server")
    server.run("systemctl start daos_server")
    _wait_disabled(lab, ENGINES * TARGETS)

    for server in servers:
        server.run("systemctl --no-block stop daos_server")
    for server in servers:
        server.run("systemctl stop daos_server && systemctl start daos_server")
    _wait_disabled(lab, len(servers) * ENGINES * TARGETS)


def test_a_node_that_loses_power_is_excluded_and_another_leads(lab: Lab) -> None:
    before = eventually(lambda: _leader(lab))
    faults.POWER_LOST.plant(lab.node(before))
    eventually(lambda: _leader(lab) not in ("", before))
    eventually(lambda: _states(lab).get(before) == {"excluded"})
    assert _disabled(lab) == dict.fromkeys(POOLS, ENGINES * TARGETS)
    others = {name: state for name, state in _states(lab).items() if name != before}
    assert set.union(*others.values()) == {"joined"}

    faults.POWER_LOST.mend(lab.node(before))
    lab.wait_joined()


# The two phases of a system stop


def test_a_rank_that_cannot_be_prepared_stops_the_stop_and_by_force_the_pools_suffer(
    lab: Lab,
) -> None:
    server = lab.node("daos-server-02")
    faults.ENGINE_NOT_PREPARED.plant(server)
    asked = _dmg(lab, "-j system stop", check=False)
    assert asked.exit_code == 1
    results = json.loads(asked.stdout)["response"]["Results"]
    assert {result["Action"] for result in results} == {"prep shutdown"}
    failed = {result["Rank"] for result in results if result["Errored"]}
    assert failed == set(_ranks_of(lab, server))
    for node in lab.having("servers"):
        assert len(node.run("pgrep -x daos_engine").stdout.split()) == ENGINES
    assert _all(lab, "joined")
    assert set(_disabled(lab).values()) == {0}

    _dmg(lab, "system stop --force")
    assert _all(lab, "stopped")
    for node in lab.having("servers"):
        assert not node.run("pgrep -x daos_engine", check=False).stdout
    _dmg(lab, "system start")
    lab.wait_joined()
    assert all(_disabled(lab).values())


# The management service


def test_every_server_says_where_an_order_goes(lab: Lab) -> None:
    """One that is no replica, too; and an application that is evicted fails at its next I/O."""
    alone = _ask(lab, "daos-server-04", "-j system query")
    assert len(json.loads(alone.stdout)["response"]["members"]) == 4 * ENGINES
    assert "daos-server-04" not in provision.access_points([n.name for n in lab.having("servers")])

    client = _client(lab)
    usage.hold(client)
    assert usage.holds(client)
    for server in lab.having("servers"):
        _ask(lab, server.name, "pool evict tank")
    evictions = [e for e in lab.events() if e["event"] == "pool-evicted"][-4:]
    assert len({event["host"] for event in evictions}) == 1, "only the leader acts"
    eventually(lambda: not usage.holds(client))
    assert "DER_NO_HDL" in client.read(usage.JOB_LOG)
    last = [e for e in lab.events() if e["program"] == "daos-job"][-1]
    assert last["event"] == "failed"


# Asks with a shorter deadline than dmg's, which is five minutes.
_ASK = """
import sys
sys.path[:0] = ["/usr/lib/daos", "/usr/lib/python3/dist-packages"]
from sim.protocol import management
try:
    answer = management.Management(sys.argv[1:], 2.0).call("SystemQuery", sys="daos_server")
    print("members", len(answer.members))
except management.Unreachable as error:
    print(error)
"""


def _asked_briefly(lab: Lab) -> str:
    hosts = " ".join(f"{server.name}:{provision.CONTROL_PORT}" for server in lab.having("servers"))
    return _admin(lab).run(f"python3 -IS - {hosts} <<'EOF'\n{_ASK}\nEOF").stdout


def test_what_a_query_says_as_one_server_after_the_other_is_stopped_and_all_are_started(
    lab: Lab, digests: dict[str, str]
) -> None:
    """Another server leads; without a leader it fails rather than being empty, without any server
    at once. A clean stop and start of all keeps everything."""
    servers = lab.having("servers")
    before = eventually(lambda: _leader(lab))
    _dmg(lab, "system stop")
    assert _all(lab, "stopped")
    for server in servers:
        assert not server.run("pgrep -x daos_engine", check=False).stdout

    lab.node(before).run("systemctl stop daos_server")
    leads = eventually(lambda: (now := _leader(lab)) not in ("", before) and now)
    assert _all(lab, "stopped")

    lab.node(str(leads)).run("systemctl stop daos_server")
    said = eventually(lambda: "members 8" not in (text := _asked_briefly(lab)) and text)
    assert "no leader" in str(said)
    asked = _admin(lab).run("timeout 3 dmg -j system query", check=False)
    assert (asked.exit_code, asked.stdout) == (124, "")  # dmg asks on for five minutes

    for server in servers:
        server.run("systemctl stop daos_server")
    asked = _dmg(lab, "-j system query", check=False)
    assert asked.exit_code == 1
    assert "unable to contact the DAOS Management Service" in json.loads(asked.stdout)["error"]

    for server in servers:  # and while they start it is never empty, either
        server.run("systemctl start daos_server")
        asked = _admin(lab).run("timeout 1 dmg -j system query", check=False)
        answer = json.loads(asked.stdout or '{"error": "no answer yet"}')
        assert answer["error"] or len(answer["response"]["members"]) == 4 * ENGINES
    eventually(lambda: _states(lab).get(before) == {"joined"})
    lab.wait_joined()
    assert set(_disabled(lab).values()) == {0}
    assert lab.digests() == digests


# Connections


def _connections(lab: Lab, event: str) -> set[str]:
    """The handles of pool connections that were opened, or closed."""
    return {
        e["details"]["handle"]
        for e in lab.events()
        if (e["program"], e["event"]) == ("daos_server", event)
    }


def test_an_ordinary_user_mounts_reads_and_unmounts_a_container(lab: Lab) -> None:
    client = _client(lab)
    before = _connections(lab, "pool-connected")
    with usage.mounted(client, "tank", "home", user="ops") as place:
        assert usage.mounts(client) == [place]
        assert len(client.run(f"ls {place}", user="ops").stdout.split()) == system.OBJECTS
        digest = client.run(f"sha256sum < {place}/object-0007", user="ops").stdout.split()[0]
        assert digest == _digest(content("home", 7))
        [handle] = _connections(lab, "pool-connected") - before
        assert handle not in _connections(lab, "pool-disconnected")
    assert usage.mounts(client) == []
    eventually(lambda: handle in _connections(lab, "pool-disconnected"))
    eventually(lambda: not client.run("pgrep -x dfuse", check=False).stdout)


def _digest(data: bytes) -> str:
    done = subprocess.run(["sha256sum"], input=data, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().split()[0]


def test_an_evicted_mount_stays_and_gives_io_errors(lab: Lab) -> None:
    client = _client(lab)
    with usage.mounted(client, "scratch", "home", user="ops") as place:
        _dmg(lab, "pool evict scratch")
        said = client.run(f"cat {place}/object-0001", user="ops", check=False)
        assert said.exit_code != 0
        assert "Input/output error" in said.stderr
        assert usage.mounts(client) == [place]
    assert usage.mounts(client) == []


# Releases: each with a system of its own


def _dnf(node: Node, verb: str, version: str) -> None:
    series = ".".join(version.split(".")[:2])
    source = f"--repofrompath=daos,http://{provision.REPOSITORY}/v{series}/EL8 --nogpgcheck"
    packages = f"daos-{version} daos-server-{version}"
    node.run(f"dnf -y -q --disablerepo='*' {source} {verb} {packages}")


def _aborts(lab: Lab, server: Node) -> list[str]:
    """Why engines of a server aborted."""
    return [
        e["details"]["reason"]
        for e in lab.events()
        if (e["host"], e["program"], e["event"]) == (server.name, "daos_engine", "abort")
    ]


def test_an_engine_of_another_release_does_not_join_and_aborts_where_it_was_higher(
    start_fresh_site: StartSite,
) -> None:
    """A system of one server with 2.0.1, and a second one with 2.0.3 that asks to join."""
    lab = start_fresh_site(
        [
            LabNode("daos-server-01", SERVER),
            LabNode("daos-server-02", SERVER, version="2.0.3"),
            LabNode("daos-admin-01", ADMIN),
        ],
        seed=False,
    ).lab
    alone = {"daos-server-01": {"joined"}}
    _dmg(lab, "storage format -l daos-server-01")
    eventually(lambda: _states(lab) == alone)
    _dmg(lab, "storage format -l daos-server-02")

    server = lab.node("daos-server-02")
    reason = "engine version 2.0.3 does not match 2.0.1 of joined rank"
    eventually(lambda: _server_log(server).count(f"join failed: {reason}") == ENGINES)
    assert len(server.run("pgrep -x daos_engine").stdout.split()) == ENGINES
    assert _states(lab) == alone
    assert reason not in _server_log(lab.node("daos-server-01"))

    server.run("systemctl stop daos_server")
    _dnf(server, "downgrade", "2.0.1")
    server.run("systemctl start daos_server")
    reasons = eventually(lambda: len(r := _aborts(lab, server)) == ENGINES and r)
    assert reasons
    for reason in reasons:
        assert "was used by engine 2.0.3, this one is 2.0.1" in reason
    eventually(lambda: "exited: exit status 1: /mnt/daos0 was used" in _server_log(server))
    assert _states(lab) == alone


def test_an_engine_on_storage_of_1_x_aborts(start_fresh_site: StartSite) -> None:
    lab = start_fresh_site(nodes(1, 0, "el83", "el83"), version="1.2.0").lab
    server = lab.node("daos-server-01")
    _dmg(lab, "system stop")
    server.run("systemctl stop daos_server")
    _dnf(server, "install", "2.0.1")
    server.run("sed -i '/^disable_vmd:/d; s/^servers:/engines:/' /etc/daos/daos_server.yml")
    server.run("systemctl start daos_server")
    reasons = eventually(lambda: len(r := _aborts(lab, server)) == ENGINES and r)
    assert reasons
    for reason in reasons:
        assert reason.startswith("storage layout version 1")
        assert "needs layout version 2" in reason
    eventually(lambda: "exited: exit status 1: storage layout version 1" in _server_log(server))
    assert server.run("systemctl is-active daos_server").stdout == "active\n"
