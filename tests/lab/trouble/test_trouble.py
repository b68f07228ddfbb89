"""Trouble inside the window: the run stops everywhere, says what is missing, and goes on."""

from __future__ import annotations

from operations.lock import LOCK
from testbed import faults
from testbed.lab.harness import LabNode

from .. import usage
from ..site import ADMIN, ALL_ROLES, CLIENT, QUICK, SERVER, Outcome, Site, StartSite
from ..waiting import eventually

SERVERS = ("daos-server-01", "daos-server-02")
CLIENT_1 = "daos-client-01"
NODES = [*(LabNode(name, SERVER) for name in SERVERS), LabNode(CLIENT_1, ADMIN | CLIENT)]

_SHOWN = r"""/home/ops/a \tb'"\\$(touch x)\xff\né"""
_ODD = r"/home/ops/a \tb\047\"\\\\$(touch x)\377\n\303\251"


def test_engines_that_do_not_come_up_while_clients_were_connected(
    start_fresh_site: StartSite,
) -> None:
    """One update that the site has to allow, fails, cannot be left any more, and is finished."""
    site = start_fresh_site(NODES)
    client, server = site.lab.node(CLIENT_1), site.lab.node(SERVERS[1])
    before = site.lab.digests()
    _a_user_does_what_he_can(site)
    _is_refused_as_long_as_somebody_is_connected(site)
    with faults.ENGINE_NEVER_READY.on(server):
        # That a rank may be missing is of no account where it had joined.
        done = site.update(timeouts=QUICK, evict_connections=True, accepted_exclusions=[0, 1, 2, 3])
    assert done.exit_code == 1, done.output
    assert site.report["outcome"] == "failed"
    _connections_were_evicted_before_engines_stopped(site)
    assert "/mnt/home" in " ".join(site.report["disconnected"][CLIENT_1])
    assert usage.mounts(client) == []
    _the_engine_is_named_with_its_log(site)
    _it_says_what_state_the_system_is_in(done)
    assert not client.run("pgrep -x daos_agent", check=False).stdout
    _there_is_no_way_back(site)

    server.run("systemctl restart daos_server")
    _an_agent_that_fails_is_not_said_to_run(site)
    again = site.update()
    assert again.exit_code == 0, again.output
    assert site.report["outcome"] == "updated"
    assert client.run("systemctl is-active daos_agent").stdout == "active\n"
    _he_cannot_do_it_again(site)
    assert site.lab.digests() == before


def _a_user_does_what_he_can(site: Site) -> None:
    """He holds the lock that an older version of this tool has left, and runs a daos_engine."""
    keeper, server = (site.lab.node(name) for name in SERVERS)
    keeper.run(f"touch {LOCK} && chmod 644 {LOCK}")
    keeper.run(f"setsid flock {LOCK} sleep 600 > /dev/null 2>&1 < /dev/null &", user="ops")
    eventually(lambda: keeper.run(f"flock -n {LOCK} true", check=False).exit_code)
    server.run(
        "ln -s $(command -v sleep) /tmp/daos_engine; "
        "setsid /tmp/daos_engine 600 > /dev/null 2>&1 < /dev/null &",
        user="ops",
    )
    eventually(lambda: server.run("pgrep -u ops daos_engine", check=False).stdout)


def _he_cannot_do_it_again(site: Site) -> None:
    keeper, server = (site.lab.node(name) for name in SERVERS)
    assert "denied" in keeper.run(f"flock -n {LOCK} true", check=False, user="ops").stderr
    assert server.run("pgrep -u ops daos_engine").stdout  # nobody has ended what is his


def _is_refused_as_long_as_somebody_is_connected(site: Site) -> None:
    client = site.lab.node(CLIENT_1)
    client.run("mkdir -p /mnt/home && dfuse --mountpoint /mnt/home --pool tank --container home")
    # Of an ordinary user, in a folder of his own, by a name that none but he would choose.
    client.run(
        f'point=$(printf \'{_ODD}\'); mkdir -p "$point" && cd "$point" && dfuse '
        '--mountpoint "$point" --pool tank --container home && exec sleep 600 > /dev/null 2>&1 &',
        user="ops",
    )
    eventually(lambda: len(usage.mounts(client)) == 2)
    usage.hold(client)
    refused = site.update()
    assert refused.exit_code != 0
    [finding] = site.report["refusals"]
    assert finding["code"] == "in-use"
    assert "dfuse mounted at /mnt/home" in finding["message"]
    assert rf"dfuse mounted at {_SHOWN}" in finding["message"]
    assert "daos-job" in finding["message"]
    assert "pool-evicted" not in {event["event"] for event in site.events()}


def _an_agent_that_fails_is_not_said_to_run(site: Site) -> None:
    """systemd starts it again and again."""
    client = site.lab.node(CLIENT_1)
    client.run("sed -i 's/^port: .*/port: none/' /etc/daos/daos_agent.yml")
    done = site.update()
    assert done.exit_code == 1, done.output
    [finding] = site.report["failures"]
    assert (finding["code"], finding["hosts"]) == ("step-failed", [CLIENT_1])
    assert f"daos_agent has not started on {CLIENT_1}, and tries" in done.output
    client.run("sed -i 's/^port: .*/port: 10001/' /etc/daos/daos_agent.yml")


def _connections_were_evicted_before_engines_stopped(site: Site) -> None:
    events = site.events()
    evicted = [e for e in events if e["event"] == "pool-evicted" and e["details"]["handles"]]
    stops = [e for e in events if (e["program"], e["event"]) == ("daos_engine", "stop")]
    assert evicted
    assert evicted[-1]["time"] < stops[0]["time"]


def _the_engine_is_named_with_its_log(site: Site) -> None:
    [failure] = site.report["failures"]
    for word in (
        "not every engine has joined",
        "daos-server-02",
        "rank",
        "stopped",
        "last lines of daos_server",
    ):
        assert word in failure["message"], failure["message"]
    assert "daos-server-01 is" not in failure["message"]


def _it_says_what_state_the_system_is_in(done: Outcome) -> None:
    assert "Failed at the step 'Wait until every engine has joined'" in done.output
    assert "DAOS serves in part: engines run on" in done.output
    assert "pyinfra inventory deploy.py -y" in done.output
    assert "rollback.py" not in done.output  # one engine has started on the new release


def _there_is_no_way_back(site: Site) -> None:
    """Once an engine has started on the new release only the update goes on."""
    done = site.pyinfra("deploys/rollback.py", "-y")
    assert done.exit_code == 1, done.output
    [finding] = site.report["refusals"]
    assert finding["code"] == "engine-started"
    assert "pyinfra inventory deploy.py" in finding["message"]


def test_a_server_that_is_switched_off_and_accepted_as_missing_is_waited_for_by_no_run(
    start_fresh_site: StartSite,
) -> None:
    """`dmg system stop` makes its excluded ranks unresponsive; the next run finds them so."""
    off = "daos-server-03"
    site = start_fresh_site([*NODES, LabNode(off, SERVER)])
    site.broken_rules = {"R5", "R6", "R9"}  # the server that is off keeps its release
    client = site.lab.node(CLIENT_1)
    faults.SWITCHED_OFF.plant(site.lab.node(off))
    lost = {member["rank"] for member in usage.members(client) if off in member["fault_domain"]}
    eventually(lambda: {usage.states(client)[rank] for rank in lost} == {"excluded"}, seconds=60)
    site.write_inventory(**{**site.groups, "servers": list(SERVERS)})

    with faults.PACKAGES_FAIL.on(client):
        done = site.update(accepted_exclusions=sorted(lost))
    assert done.exit_code == 1, done.output
    assert [failure["hosts"] for failure in site.report["failures"]] == [[CLIENT_1]]
    again = site.update(accepted_exclusions=sorted(lost))
    assert again.exit_code == 0, again.output
    assert site.report["outcome"] == "updated"
    states = usage.states(client)
    assert {states[rank] for rank in lost} == {"unresponsive"}
    assert {states[rank] for rank in set(states) - lost} == {"joined"}


def test_the_oldest_series_is_refused(start_fresh_site: StartSite) -> None:
    node = LabNode("daos-server-01", ALL_ROLES, "el7")
    site = start_fresh_site([node], version="1.2.0", seed=False)
    done = site.update()
    assert done.exit_code != 0
    [finding] = site.report["refusals"]
    assert finding["code"] == "no-update-path"
    assert "reformatted" in finding["message"]
    assert site.release == "1.2.0"
