"""The gates, on every state that a node and a rank can be found in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.daos.dmg import Member
from operations.daos.node import AGENT, SERVER, Daemon, Node, Process, Service
from operations.daos.releases import Version
from operations.daos.units import Units
from operations.rules import gates
from operations.rules import members as members_of_daos
from operations.rules.start import Start
from operations.rules.view import View

from ..fake_nodes import CLIENT, IDLE, RECORD, RUNNING, at

TARGET = Version(2, 0, 3)

NAMES = [f"node-{number}" for number in range(1, 5)]
STATES = [*members_of_daos.STATES, "evacuating"]  # and one that DAOS may have some day

nodes = st.builds(
    Node,
    hostname=st.sampled_from(NAMES),
    os=st.just("rhel 8.5"),
    packages=st.sampled_from([{"daos": ("2.0.1-1.el8",)}, {"daos": ("2.0.3-1.el8",)}, {}]),
    services=st.fixed_dictionaries(
        {
            SERVER: st.sampled_from([Service(), RUNNING]),
            AGENT: st.sampled_from([Service(), RUNNING]),
        }
    ),
    engines=st.sampled_from([(), (7,), (7, 8)]),
    mounts=st.sampled_from([(), ("/mnt/dfuse",)]),
    processes=st.sampled_from([(), (Process(9, "bob", "ior"),)]),
)
groups = st.lists(st.sampled_from(NAMES), unique=True).map(tuple)
views = st.builds(
    View,
    st.fixed_dictionaries({"servers": groups, "admins": groups, "clients": groups}),
    st.fixed_dictionaries({name: st.none() | nodes for name in NAMES}),
)
members = st.lists(
    st.builds(
        Member,
        rank=st.integers(0, 9),
        host=st.sampled_from(NAMES),
        address=st.just(""),
        state=st.sampled_from(STATES),
        info=st.just(""),
    ),
    min_size=1,
    unique_by=lambda member: member.rank,
)


@given(views)
def test_a_node_without_an_answer_is_always_named(view: View) -> None:
    named = {host for finding in gates.answering(view) for host in finding.hosts}
    assert named == {name for name, node in view.nodes.items() if node is None}


@given(views)
def test_quiet_names_every_node_of_the_system_where_something_runs(view: View) -> None:
    named = {host for finding in gates.quiet(view) for host in finding.hosts}
    known = {name for names in view.groups.values() for name in names}
    assert named == {
        name
        for name, node in view.nodes.items()
        if node and name in known and (node.engines or node.runs(SERVER) or node.runs(AGENT))
    }


@given(views)
def test_unused_names_every_node_with_a_mount_or_an_application(view: View) -> None:
    named = {host for finding in gates.unused(view) for host in finding.hosts}
    known = {name for names in view.groups.values() for name in names}
    assert named == {
        name
        for name, node in view.nodes.items()
        if node and name in known and (node.mounts or node.processes)
    }


def _stays_down(view: View, member: Member) -> bool:
    """Whether a rank is one that stays excluded, and none of its servers has an engine."""
    here = [node for node in view.of("servers").values() if node.hostname == member.host]
    excluded = member.state in ("excluded", "adminexcluded")
    return excluded and bool(here) and not any(node.engines for node in here)


@given(views, members)
def test_servers_may_stop_only_with_every_rank_stopped_or_no_engine_left(
    view: View, ranks: list[Member]
) -> None:
    engines = any(node.engines for node in view.of("servers").values())
    stopped = all(member.state == "stopped" or _stays_down(view, member) for member in ranks)
    assert (not gates.engines_stopped(view, ranks)) == (stopped or not engines)
    assert (not gates.engines_stopped(view, None)) == (not engines)


@given(views, members)
def test_joined_needs_every_rank_and_just_the_servers_of_the_inventory(
    view: View, ranks: list[Member]
) -> None:
    hosts = {member.host for member in ranks}
    servers = {node.hostname for node in view.of("servers").values()}
    good = all(member.state == "joined" for member in ranks) and hosts == servers
    assert (not gates.joined(view, ranks)) == good


@given(views)
def test_at_target_names_every_other_release(view: View) -> None:
    named = {host for finding in gates.at_target(view, "servers", TARGET) for host in finding.hosts}
    assert named == {name for name, node in view.of("servers").items() if node.version != TARGET}


def test_a_finding_names_rank_host_and_reason() -> None:
    view = View({"servers": ("node-1",), "admins": (), "clients": ()}, {"node-1": IDLE})
    [finding] = gates.joined(view, [Member(3, "node-1", "", "excluded", "lost contact")])
    assert finding.hosts == ("node-1",)
    assert "rank 3 on node-1 is excluded: lost contact" in finding.message


def test_servers_of_two_operating_systems_are_found() -> None:
    later = replace(IDLE, os="rhel 8.6")
    both = {"servers": ("node-1", "node-2"), "admins": (), "clients": ("node-2",)}
    assert gates.one_distribution(View(both, {"node-1": IDLE, "node-2": later}))
    assert not gates.one_distribution(View(both, {"node-1": IDLE, "node-2": IDLE}))


def test_a_rank_on_a_server_that_the_inventory_does_not_name_is_found() -> None:
    view = View({"servers": ("node-1",), "admins": (), "clients": ()}, {"node-1": IDLE})
    ranks = [
        Member(0, "node-1", "10.0.0.1", "joined", ""),
        Member(1, "b", "10.0.0.2", "joined", ""),
    ]
    [finding] = gates.joined(view, ranks)
    assert (finding.code, finding.hosts) == ("not-in-inventory", ("b",))


def test_a_server_is_known_by_its_address_where_fault_domains_are_no_host_names() -> None:
    node = replace(IDLE, addresses=("10.0.0.1",))
    view = View({"servers": ("node-1",), "admins": (), "clients": ()}, {"node-1": node})
    assert gates.joined(view, [Member(0, "board2", "10.0.0.1", "joined", "")]) == []


def test_the_way_back_is_named_where_ranks_are_stopped() -> None:
    view = View({"servers": ("node-1",), "admins": (), "clients": ()}, {"node-1": IDLE})
    [finding] = gates.joined(view, [Member(0, "node-1", "", "stopped", "system stop")])
    assert "dmg system start" in finding.message


def test_an_agent_counts_on_whatever_node_it_runs() -> None:
    agent = replace(IDLE, services={SERVER: Service(), AGENT: RUNNING})
    view = View({"servers": (), "admins": ("node-1",), "clients": ()}, {"node-1": agent})
    assert gates.agents_stopped(view)
    assert not gates.agents_stopped(View(view.groups, {"node-1": IDLE}))


ONE_SERVER = {"servers": ("node-1",), "admins": (), "clients": ()}


@given(views)
def test_an_update_is_needed_only_while_a_node_is_not_at_the_target(view: View) -> None:
    """A node that gives no answer may not be there, whatever the others are."""
    codes = {finding.code for finding in gates.needed(view, TARGET)}
    known = {name for names in view.groups.values() for name in names}
    asked = (node for name, node in view.nodes.items() if node is None or name in known)
    at_target = (node is not None and node.version == TARGET for node in asked)
    assert ("not-needed" in codes) == all(at_target)


def test_an_update_never_goes_to_a_lower_release() -> None:
    view = View(ONE_SERVER, {"node-1": at("2.0.4")})
    assert [finding.code for finding in gates.needed(view, TARGET)] == ["no-update-path"]
    assert gates.needed(view, TARGET, back=True) == []


def _begun(release: str, started: str = "", **more: Any) -> Node:
    """A server in the middle of an update from 2.0.1 that keeps a trace of starts."""
    return at(release, record=RECORD.starting(started), traced=True, **more)


RUNS = {SERVER: Service(running=True), AGENT: Service()}


@pytest.mark.parametrize(
    ("node", "may_go_back"),
    [
        (_begun("2.0.3"), True),
        (_begun("2.0.1", "2.0.1"), True),
        (_begun("2.0.3", "2.0.1"), True),
        (_begun("2.0.3", "2.0.3"), False),
        (_begun("2.0.3", services=RUNS), False),
        (_begun("2.0.3", engines=(7,)), False),
        (_begun("2.0.3", services=RUNS, replaced=(SERVER,)), False),
        (_begun("2.0.3", starts=("2.0.1", "2.0.3")), False),
        (_begun("2.0.1", starts=("2.0.3",)), False),
        (_begun("2.0.3", starts=("2.0.1", "2.0.1")), True),
        (_begun("2.0.3", starts=("unknown",)), False),
    ],
    ids=[
        *("not started", "not updated", "back once before", "marked", "started by hand"),
        *("its engines run", "since before", "by hand, and rebooted"),
        *("by hand, and packages went back", "by hand, on the old one"),
        "by hand, on what nobody knows",
    ],
)
def test_the_way_back_ends_with_the_first_start_on_the_new_release(
    node: Node, may_go_back: bool
) -> None:
    assert (gates.never_started(View(ONE_SERVER, {"node-1": node})) == []) == may_go_back


@pytest.mark.parametrize("release", ["2.0.1", "2.0.3"])
def test_where_a_start_may_have_left_no_trace_there_is_no_way_back(release: str) -> None:
    lost = replace(_begun(release), traced=False)
    [finding] = gates.never_started(View(ONE_SERVER, {"node-1": lost}))
    assert (finding.code, finding.hosts) == ("start-unknown", ("node-1",))
    assert "`pyinfra inventory deploy.py`" in finding.message
    runs = replace(lost, services=RUNS)
    codes = [finding.code for finding in gates.never_started(View(ONE_SERVER, {"node-1": runs}))]
    assert codes == ([] if release == "2.0.1" else ["engine-started"])
    client = {"servers": (), "admins": (), "clients": ("node-1",)}
    assert gates.never_started(View(client, {"node-1": lost})) == []


def test_a_node_is_held_once_it_remembers_and_nothing_starts_daos_at_boot() -> None:
    off = replace(IDLE, record=RECORD)
    pulled = replace(off, services={**off.services, AGENT: Service(pullers=("site.timer",))})
    groups = {"servers": ("s1",), "admins": (), "clients": ("c1", "c2")}
    assert gates.held(View(groups, dict.fromkeys(("s1", "c1", "c2"), off))) == []
    for node in (IDLE, replace(CLIENT, record=RECORD), pulled):
        [finding] = gates.held(View(groups, {"s1": off, "c1": node, "c2": node}))
        assert (finding.code, finding.hosts) == ("starts-at-boot", ("c1", "c2"))
        assert gates.held(View(groups, {"s1": off, "c1": node}), only={"s1"}) == []
    assert "`systemctl disable --now site.timer`" in finding.message


def test_nothing_stops_before_every_start_leaves_a_trace() -> None:
    view = View(TWO_SERVERS, {"node-1": _begun("2.0.1"), "node-2": at("2.0.1")})
    [finding] = gates.traced(view)
    assert (finding.code, finding.hosts) == ("no-trace", ("node-2",))
    assert gates.traced(view, ["node-1"]) == []
    untraceable = at("2.0.1", untraceable="zz.conf takes it back")
    later = replace(view, nodes={**view.nodes, "node-2": untraceable})
    assert "zz.conf takes it back" in gates.traced(later)[0].message


def test_a_stop_that_was_cut_short_is_no_obstacle_to_stopping_the_rest() -> None:
    view = View(ONE_SERVER, {"node-1": IDLE})
    ranks = [
        Member(rank, "node-1", "", state, "") for rank, state in enumerate(["joined", "stopped"])
    ]
    assert [finding.code for finding in gates.joined(view, ranks)] == ["not-joined"]
    assert gates.joined_or_stopped(view, ranks) == []
    excluded = [replace(ranks[0], state="excluded"), ranks[1]]
    assert [f.code for f in gates.joined_or_stopped(view, excluded)] == ["not-joined"]


def test_a_server_that_gave_a_stop_no_answer_and_gives_one_by_now_is_told_again() -> None:
    """Where it still gives none, `answering` says so."""
    view = View(ONE_SERVER, {"node-1": IDLE})
    ranks = [
        Member(rank, "node-1", "", state, "")
        for rank, state in enumerate(["stopped", "unresponsive"])
    ]
    assert [finding.code for finding in gates.joined(view, ranks)] == ["not-joined"]
    assert gates.joined_or_stopped(view, ranks) == []


@pytest.mark.parametrize("state", ["excluded", "adminexcluded"])
def test_a_rank_that_stays_excluded_is_down_only_where_no_engine_runs(state: str) -> None:
    """So from 2.6.5 on; on another server runs an engine whose rank is Stopped."""
    two = {**ONE_SERVER, "servers": ("node-1", "node-2")}
    ranks = [Member(0, "node-1", "", "stopped", ""), Member(1, "node-2", "", state, "")]
    up, idle = replace(IDLE, engines=(7,)), replace(IDLE, hostname="node-2")
    assert gates.engines_stopped(View(two, {"node-1": up, "node-2": idle}), ranks) == []
    running = replace(idle, engines=(8,))
    [finding] = gates.engines_stopped(View(two, {"node-1": up, "node-2": running}), ranks)
    assert (finding.code, finding.hosts) == ("not-stopped", ("node-2",))
    # Nobody has looked there.
    [finding] = gates.engines_stopped(View(two, {"node-1": up, "node-2": None}), ranks)
    assert (finding.code, finding.hosts) == ("not-stopped", ("node-2",))


def test_a_daemon_that_outlived_its_packages_is_named() -> None:
    newer = at("2.0.3", services={SERVER: Service(running=True), AGENT: Service()})
    old = replace(newer, replaced=(SERVER,))
    [finding] = gates.current_daemons(View(ONE_SERVER, {"node-1": old}))
    assert (finding.code, finding.hosts) == ("older-daemon", ("node-1",))
    assert gates.current_daemons(View(ONE_SERVER, {"node-1": newer})) == []


def test_an_agent_that_outlived_its_packages_is_started_anew_and_refused_at_the_end() -> None:
    agent = Service(running=True)
    old = at("2.0.3", replaced=(AGENT,), services={SERVER: Service(), AGENT: agent})
    view = View(ONE_SERVER, {"node-1": old})
    assert gates.current_daemons(view) == []
    [finding] = gates.current_agents(view)
    assert (finding.code, finding.hosts) == ("older-daemon", ("node-1",))
    start = Start(view.groups, view.nodes, target=TARGET)
    assert not start.idle


def test_an_agent_that_ran_before_and_has_ended_is_named() -> None:
    view = View({**ONE_SERVER, "clients": ("a", "b", "c")})
    view.nodes.update(a=IDLE, b=IDLE, c=replace(IDLE, services={SERVER: Service(), AGENT: RUNNING}))
    [finding] = gates.agents_running(view, ["a", "c"])
    assert (finding.code, finding.hosts) == ("agent-stopped", ("a",))


def test_an_agent_that_fails_and_is_started_again_does_not_run() -> None:
    tries = replace(RUNNING, on_its_way=True)
    client = replace(CLIENT, services={SERVER: Service(), AGENT: tries})
    view = View({**ONE_SERVER, "servers": (), "clients": ("a",)}, {"a": client})
    [finding] = gates.agents_running(view, ["a"])
    assert (finding.code, finding.hosts) == ("agent-stopped", ("a",))
    assert not Start(view.groups, view.nodes, target=client.version).idle


@given(views, st.sets(st.sampled_from(NAMES)))
def test_what_is_about_some_nodes_looks_at_these_alone(view: View, only: set[str]) -> None:
    """Many that use DAOS are one finding, so what counts is which nodes are named."""
    for gate in (gates.quiet, gates.unused):
        everywhere = {(f.code, host) for f in gate(view) for host in f.hosts}
        these = {(f.code, host) for f in gate(view, only) for host in f.hosts}
        assert these == {(code, host) for code, host in everywhere if host in only}


DOWN = [state for state, means in members_of_daos.STATES.items() if means.missing]
some_ranks = st.sets(st.integers(0, 9))


@given(views, members, some_ranks)
def test_an_accepted_rank_may_be_down_and_nothing_else_is_accepted(
    view: View, ranks: list[Member], accepted: set[int]
) -> None:
    bad = [m for m in ranks if m.state != "joined" and not (m.rank in accepted and m.state in DOWN)]
    found = [f for f in gates.joined(view, ranks, accepted) if f.code == "not-joined"]
    assert bool(found) == bool(bad)
    engines = any(node.engines for node in view.of("servers").values())
    left = [m for m in ranks if not (m.rank in accepted and m.state in DOWN)]
    up = [m for m in left if m.state != "stopped" and not _stays_down(view, m)]
    assert bool(gates.engines_stopped(view, ranks, accepted)) == (engines and bool(up))


def test_a_server_whose_ranks_are_accepted_as_missing_may_be_off_and_has_no_engine() -> None:
    lost = Member(1, "node-2", "", "excluded", "")
    ranks = [Member(0, "node-1", "", "joined", ""), lost]
    one = View({"servers": ("node-1",), "admins": (), "clients": ()}, {"node-1": IDLE})
    assert [f.code for f in gates.joined(one, ranks)] == ["not-joined", "not-in-inventory"]
    assert gates.joined(one, ranks, {1}) == []
    both = View(
        {**one.groups, "servers": ("node-1", "node-2")},
        {"node-1": replace(IDLE, engines=(7,)), "node-2": replace(IDLE, hostname="node-2")},
    )
    assert gates.engines_running(both, ranks)
    assert gates.engines_running(both, ranks, {1}) == []
    assert gates.engines_running(both, [], {1}), "what is not known is not excused"


TWO_SERVERS = {"servers": ("node-1", "node-2"), "admins": (), "clients": ()}


def test_a_server_that_remembers_nothing_any_more_has_been_through_the_update() -> None:
    """As where only a client's record is left, or one server's, and all engines run."""
    half = {"node-1": at("2.0.3"), "node-2": _begun("2.0.3")}
    [finding] = gates.never_started(View(TWO_SERVERS, dict(half)))
    assert (finding.code, finding.hosts) == ("engine-started", ("node-1",))
    client = {"servers": ("node-1",), "admins": (), "clients": ("node-2",)}
    assert View(client, dict(half)).records == []


@pytest.mark.parametrize(("release", "may_start"), [("2.0.1", False), ("2.0.3", True)])
def test_no_server_starts_below_what_its_engines_have_run_on(release: str, may_start: bool) -> None:
    node = at(release, record=RECORD.starting("2.0.3"))
    assert (gates.never_lower(View(ONE_SERVER, {"node-1": node})) == []) == may_start


def test_no_server_starts_below_what_it_was_started_on_by_hand() -> None:
    node = at("2.0.1", record=RECORD, starts=("2.0.1", "2.0.3", "unknown"))
    [finding] = gates.never_lower(View(ONE_SERVER, {"node-1": node}))
    assert (finding.code, finding.hosts) == ("engine-started", ("node-1",))
    newest = at("2.0.3", record=RECORD, starts=node.starts)
    assert gates.never_lower(View(ONE_SERVER, {"node-1": newest})) == []


def test_packages_that_went_back_by_hand_do_not_undo_a_start() -> None:
    node = at("2.0.1", record=RECORD.starting("2.0.3"))
    assert gates.never_started(View(ONE_SERVER, {"node-1": node}))


def _stray(command: str, cgroup: str = "") -> Daemon:
    return Daemon(44, "carol", command, parent=1, cgroup=cgroup)


@pytest.mark.parametrize(
    ("stray", "says"),
    [
        (
            _stray("daos_agent", "/user.slice/session-3.scope"),
            ["(pid 44, user carol, cgroup /user.slice/session-3.scope)", "`kill 44`"],
        ),
        (
            _stray("daos_agent", "/system.slice/site-agent.service"),
            ["`systemctl disable --now site-agent.service`", "start daos_agent by its unit"],
        ),
        (
            _stray("daos_agent", "/user.slice/user-7.slice/user@7.service/daos_agent.service"),
            ["`kill 44`"],
        ),
        (_stray("daos_server"), ["daos_server (pid 44, user carol)", "`dmg system stop`"]),
        (_stray("daos_engine"), ["`dmg system stop`", "`kill 44`"]),
    ],
)
def test_a_daemon_that_its_unit_has_not_started_is_named_with_what_to_type(
    stray: Daemon, says: list[str]
) -> None:
    view = View({"servers": (), "admins": (), "clients": ("a", "b")})
    view.nodes.update(a=IDLE, b=replace(IDLE, strays=(stray,)))
    [finding] = gates.of_their_units(view)
    assert (finding.code, finding.hosts) == ("foreign-daemon", ("b",))
    assert [text for text in says if text not in finding.message] == []


def test_messages_name_the_units_as_the_site_does() -> None:
    units = Units("hpc-server.service", "hpc-agent.service")
    stray = Daemon(7, "root", "daos_agent", cgroup="/system.slice/daos_agent.service")
    running = {SERVER: RUNNING, AGENT: RUNNING}
    node = replace(IDLE, units=units, services=running, replaced=(SERVER,), strays=(stray,))
    view = View({"servers": ("n1",), "admins": (), "clients": ()}, {"n1": node})
    idle = replace(view, nodes={"n1": replace(IDLE, units=units)})
    lost = [Member(0, "n1", "", "errored", "")]
    found = {
        "systemctl stop hpc-agent": gates.agents_stopped(view),
        "`systemctl stop hpc-server`": gates.current_daemons(view),
        "`journalctl -u hpc-agent -n 50`": gates.agents_running(idle, ["n1"]),
        "journalctl -u hpc-server -n 50": gates.engines_running(view),
        "ExecStartPre,User hpc-server` names": gates.traced(view),
        "see `journalctl -u hpc-server` there": gates.joined(view, lost),
        "by its unit (hpc-agent.service)": gates.of_their_units(view),
        "`systemctl disable --now daos_agent.service`": gates.of_their_units(view),
        "name that in units in group_data": gates.of_their_units(view),
    }
    for words, [finding, *_] in found.items():
        assert words in finding.message


def test_a_daos_server_of_nobody_s_unit_is_no_system_at_rest() -> None:
    groups = {"servers": ("a",), "admins": (), "clients": ()}
    assert View(groups, {"a": IDLE}).stopped
    assert not View(groups, {"a": replace(IDLE, strays=(_stray("daos_server"),))}).stopped
    assert View(groups, {"a": replace(IDLE, strays=(_stray("daos_agent"),))}).stopped
