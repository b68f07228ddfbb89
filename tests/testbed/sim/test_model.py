"""The model of the DAOS system: joining, stopping, losing engines, pools and connections."""

import json
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from testbed.sim import model
from testbed.sim.model import Handle, Member, Refused, System

NOW = "2026-01-01T00:00:00Z"
TARGETS = 8


def engine(number: int, version: str = "2.0.3", incarnation: int = 1) -> Member:
    server = number // 2 + 1
    return Member(
        rank=0,
        uuid=f"engine-{number}",
        addr=f"10.0.0.{server}:10001",
        fabric_uri=f"ofi+sockets://10.0.0.{server}:{31416 + 100 * (number % 2)}",
        fault_domain=f"/daos-server-{server:02d}",
        incarnation=incarnation,
        version=version,
        targets=TARGETS,
    )


@pytest.fixture
def system() -> System:
    """Four joined ranks, a pool over all of them."""
    system = System()
    for number in range(4):
        system.join(engine(number), None, NOW)
    system.create_pool("pool-uuid", "tank", 8 * 10**9)
    system.events.clear()
    return system


def stop(system: System, prepared: bool = True) -> None:
    system.stopping(list(system.members), NOW)
    for rank in system.members:
        system.stopped(rank, prepared, NOW)


def names(system: System) -> list[str]:
    return [name for name, _ in system.events]


def test_a_pool_has_the_properties_of_its_release_unless_others_were_given(system: System) -> None:
    assert system.pool_properties("tank") == {1: "tank", 3: 0, 4: 3, 5: 1, 9: 2**20}
    system.create_pool("other", "", 10**9, properties={"5": 4})
    kept = System.from_dict(json.loads(json.dumps(system.to_dict())))
    assert kept.pool_properties("other") == {1: "pool_label_not_set", 3: 0, 4: 3, 5: 4, 9: 2**20}


def test_pools_take_their_share_of_each_ranks_scm(system: System) -> None:
    system.create_pool("other", "", 0, [1, 2], tiers=[10**6, 0])
    each = int(8 * 10**9 * model.SCM_SHARE) // 4
    assert system.scm_used() == {0: each, 1: each + 10**6, 2: each + 10**6, 3: each}


def test_a_pool_that_is_not_there_is_named_as_it_was_asked_for(system: System) -> None:
    uuid = "00000000-0000-0000-0000-00000000beef"
    for name, told in (("nope", 'label "nope"'), (uuid, f"uuid {uuid}")):
        with pytest.raises(Refused, match=f"^unable to find pool service with {told}$"):
            system.pool(name)


def test_ranks_are_given_in_the_order_of_joining_and_kept(system: System) -> None:
    assert system.joined() == [0, 1, 2, 3]
    stop(system)
    assert system.join(engine(2, incarnation=2), 2, NOW) == 2
    assert [system.members[rank].state for rank in range(4)] == [
        "stopped",
        "stopped",
        "joined",
        "stopped",
    ]


def test_a_clean_stop_and_start_degrades_nothing(system: System) -> None:
    stop(system)
    for number in range(4):
        system.join(engine(number, "2.2.0", incarnation=2), number, NOW)
    assert system.query_pool("tank")["disabled_targets"] == 0
    assert "pool-degraded" not in names(system)


def test_an_engine_that_vanishes_is_excluded_and_its_pools_degrade(system: System) -> None:
    system.lost(1, 1, NOW)
    assert system.members[1].state == "excluded"
    assert system.query_pool("tank")["disabled_targets"] == TARGETS
    assert system.events == [
        (
            "member",
            {
                "rank": 1,
                "host": "daos-server-01",
                "state": "excluded",
                "was": "joined",
                "info": "",
                "version": "2.0.3",
            },
        ),
        ("pool-degraded", {"pool": "tank", "ranks": [1], "targets_disabled": TARGETS}),
    ]


def test_an_engine_that_comes_back_stays_out_of_its_pools(system: System) -> None:
    system.lost(1, 1, NOW)
    system.join(engine(1, incarnation=2), 1, NOW)
    assert system.members[1].state == "joined"
    assert system.query_pool("tank")["disabled_targets"] == TARGETS
    system.reintegrate("tank", 1)
    assert system.query_pool("tank")["disabled_targets"] == 0


def test_a_restart_that_nobody_noticed_is_a_loss_too(system: System) -> None:
    system.join(engine(3, incarnation=2), 3, NOW)
    assert system.members[3].state == "joined"
    assert system.query_pool("tank")["disabled_targets"] == TARGETS


def test_joining_twice_with_one_incarnation_is_no_loss(system: System) -> None:
    before = system.to_dict()
    assert system.join(engine(3), 3, NOW) == 3
    assert system.to_dict() == before
    assert not system.events


def test_a_forced_stop_costs_the_targets(system: System) -> None:
    stop(system, prepared=False)
    system.join(engine(0, incarnation=2), 0, NOW)
    assert system.query_pool("tank")["disabled_targets"] == TARGETS


def _at(version: str) -> System:
    found = System()
    for number in range(4):
        found.join(engine(number, version), None, NOW)
    found.create_pool("pool-uuid", "tank", 8 * 10**9)
    return found


@pytest.mark.parametrize(("version", "costs"), [("2.6.2", True), ("2.6.3", False)])
def test_a_stop_that_always_kills_costs_nothing(version: str, costs: bool) -> None:
    system = _at(version)
    stop(system, prepared=False)
    system.join(engine(0, version, incarnation=2), 0, NOW)
    assert bool(system.query_pool("tank")["disabled_targets"]) is costs


@pytest.mark.parametrize(
    ("version", "state"), [("2.0.3", "stopped"), ("2.6.4", "stopped"), ("2.6.5", "excluded")]
)
def test_a_rank_that_is_excluded_when_the_system_stops(version: str, state: str) -> None:
    system = _at(version)
    system.lost(1, 1, NOW)
    for rank in system.members:
        system.stopped(rank, True, NOW)
    assert system.members[1].state == state
    system.join(engine(1, version, incarnation=2), 1, NOW)
    assert system.members[1].state == "joined"


def test_a_pool_keeps_the_layout_of_the_release_that_made_it() -> None:
    system = _at("2.4.2")
    stop(system)
    for number in range(4):
        system.join(engine(number, "2.6.5", incarnation=2), number, NOW)
    found = system.query_pool("tank")
    assert (found["pool_layout_ver"], found["upgrade_layout_ver"]) == (2, 3)


def test_news_of_an_earlier_incarnation_are_ignored(system: System) -> None:
    system.lost(1, 0, NOW)
    assert system.members[1].state == "joined"


def test_a_rank_that_is_being_stopped_is_not_lost(system: System) -> None:
    system.stopping([1], NOW)
    system.lost(1, 1, NOW)
    assert system.members[1].state == "stopping"


def test_another_version_does_not_join(system: System) -> None:
    stop(system)
    system.join(engine(0, "2.0.3", incarnation=2), 0, NOW)
    before = system.to_dict()
    with pytest.raises(Refused, match=r"2\.0\.1 does not match 2\.0\.3 of joined rank 0"):
        system.join(engine(1, "2.0.1", incarnation=2), 1, NOW)
    assert system.to_dict() == before


def test_after_an_unclean_end_another_version_joins_once_all_are_known_lost(
    system: System,
) -> None:
    for number in range(4):
        system.restarted(f"engine-{number}", 2, NOW)
    assert system.joined() == []
    assert system.join(engine(0, "2.2.0", incarnation=2), 0, NOW) == 0


def test_start_does_not_undo_a_join_that_was_quicker(system: System) -> None:
    stop(system)
    system.join(engine(0, incarnation=2), 0, NOW)
    for rank in (0, 1):
        system.started(rank, NOW)
    assert (system.members[0].state, system.members[1].state) == ("joined", "ready")


def test_eviction_takes_the_handles_of_that_pool_only(system: System) -> None:
    system.create_pool("other-uuid", "scratch", 10**9)
    for number, pool in enumerate(("tank", "pool-uuid", "scratch")):
        system.connect(Handle(f"handle-{number}", pool, "daos-client-01", 100 + number))
    assert system.evict("tank") == ["handle-0", "handle-1"]
    assert list(system.handles) == ["handle-2"]
    system.disconnect("handle-0")  # what its application may still try
    assert names(system)[-1] == "pool-evicted"


def test_a_tree_stays_on_the_rank_that_was_chosen_first(system: System) -> None:
    system.create_container("tank", "container-uuid", "home", "POSIX", (5, 6))
    assert system.pools["pool-uuid"].containers["container-uuid"].tree is None
    rank = system.place_tree("tank", "container-uuid")
    assert rank in range(4)
    system.lost(rank, 1, NOW)
    assert rank in system.pools["pool-uuid"].disabled
    assert system.place_tree("tank", "container-uuid") == rank
    again = System.from_dict(system.to_dict())
    assert again.pools["pool-uuid"].containers["container-uuid"].tree == rank


def test_a_tree_is_placed_on_a_rank_that_serves(system: System) -> None:
    for rank in (0, 1, 3):
        system.lost(rank, 1, NOW)
    for number in range(20):
        system.create_container("tank", f"container-{number}", "", "POSIX")
        assert system.place_tree("tank", f"container-{number}") == 2
    system.lost(2, 1, NOW)
    system.create_container("tank", "last", "", "POSIX")
    with pytest.raises(Refused, match="DER_UNREACH"):
        system.place_tree("tank", "last")


def test_containers_and_pools_are_destroyed(system: System) -> None:
    system.create_container("tank", "container-uuid", "home", "POSIX")
    with pytest.raises(Refused, match="DER_EXIST"):
        system.create_container("tank", "container-uuid", "other", "POSIX")
    system.destroy_container("tank", "container-uuid")
    with pytest.raises(Refused, match="DER_NONEXIST"):
        system.destroy_container("tank", "container-uuid")
    system.connect(Handle("handle", "tank", "daos-client-01", 1))
    with pytest.raises(Refused, match="DER_BUSY"):
        system.destroy_pool("tank", force=False)
    assert system.destroy_pool("tank", force=True)[1] == ["handle"]
    assert (system.pools, system.handles) == ({}, {})
    assert names(system)[-1] == "pool-destroyed"


@pytest.mark.parametrize(
    ("size", "tiers", "expected"),
    [
        (10**9, [], [60_000_000, 940_000_000]),
        (10**9, [2 * 10**8, 8 * 10**8], [2 * 10**8, 8 * 10**8]),
        (0, [10**8, 10**9], [4 * 10**8, 4 * 10**9]),  # of each rank
    ],
)
def test_the_sizes_of_a_pool(
    system: System, size: int, tiers: list[int], expected: list[int]
) -> None:
    assert system.create_pool("new", "new", size, tiers=tiers).tier_bytes == expected


def test_no_connection_while_no_engine_serves(system: System) -> None:
    stop(system)
    with pytest.raises(Refused, match="not started"):
        system.connect(Handle("handle", "tank", "daos-client-01", 1))
    assert not system.handles


def test_erase_needs_stopped_ranks(system: System) -> None:
    with pytest.raises(Refused, match=r"ranks \[0-3\] to be stopped"):
        system.erase()
    stop(system)
    system.erase()
    assert system.to_dict() == System().to_dict()


@pytest.mark.parametrize(
    ("ranks", "hosts", "expected"),
    [
        ("", "", ([0, 1, 2, 3], "", "")),
        ("0-1,7", "", ([0, 1], "7", "")),
        ("", "daos-server-[02-03]", ([2, 3], "", "daos-server-03")),
        ("", "10.0.0.1", ([0, 1], "", "")),
        ("", "10.0.0.1:10001", ([0, 1], "", "")),
    ],
)
def test_select(system: System, ranks: str, hosts: str, expected: Any) -> None:
    assert system.select(ranks, hosts) == expected


def test_labels_are_unique(system: System) -> None:
    with pytest.raises(Refused, match="already exists"):
        system.create_pool("another", "tank", 10**9)
    system.create_container("tank", "c1", "home", "POSIX")
    with pytest.raises(Refused, match="already exists"):
        system.create_container("tank", "c2", "home", "POSIX")


def test_unknown_pools_are_named() -> None:
    with pytest.raises(Refused, match='label "nope"') as refusal:
        System().pool("nope")
    assert refusal.value.status == model.DER_NONEXIST


ENGINES = st.integers(0, 5)


class Systems(RuleBasedStateMachine):
    """Engines that start, join, vanish and are stopped, pools and connections, in any order.

    The machine keeps its own account of what is true: which engine process runs at which version,
    and which ranks were ever lost while a pool used them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.system = System()
        self.running: dict[int, tuple[int, str]] = {}  # engine to incarnation and version
        self.rank: dict[int, int] = {}
        self.damaged: dict[str, set[int]] = {}  # pool to ranks that it lost
        self.killed: set[int] = set()  # ranks, since their last join
        self.clock = 0

    def _damage(self, rank: int) -> None:
        for pool in self.system.pools.values():
            if rank in pool.ranks:
                self.damaged[pool.uuid].add(rank)

    @rule(number=ENGINES, version=st.sampled_from(["2.0.1", "2.0.3"]))
    def start_and_join(self, number: int, version: str) -> None:
        """Start a process, over one that may have vanished, and try to join."""
        self.clock += 1
        rank = self.rank.get(number)
        was_joined = rank is not None and self.system.members[rank].state == "joined"
        self.system.restarted(f"engine-{number}", self.clock, NOW)
        if rank is not None and was_joined:
            self._damage(rank)
        try:
            joined = self.system.join(engine(number, version, self.clock), rank, NOW)
        except Refused:
            others = {self.system.members[rank].version for rank in self.system.joined()}
            assert others and others != {version}
            return
        assert rank in (None, joined)
        if joined in self.killed:
            self._damage(joined)
            self.killed.discard(joined)
        self.rank[number] = joined

    @precondition(lambda self: self.rank)
    @rule(data=st.data())
    def lose(self, data: Any) -> None:
        rank = data.draw(st.sampled_from(sorted(self.rank.values())))
        member = self.system.members[rank]
        if member.state == "joined":
            self._damage(rank)
        self.system.lost(rank, member.incarnation, NOW)

    @rule(force=st.booleans(), fails=st.booleans())
    def stop_all(self, force: bool, fails: bool) -> None:
        ranks = [r for r, m in self.system.members.items() if m.state in model.RUNNING]
        self.system.stopping(ranks, NOW)
        for rank in ranks:
            if fails and rank == ranks[0]:
                self.system.stop_failed(rank, "it does not end", NOW)
            elif fails and rank == ranks[-1]:
                self.system.unresponsive(rank, "no answer", NOW)
            else:
                self.system.stopped(rank, not force, NOW)
                self.killed.discard(rank)
                if force:
                    self.killed.add(rank)

    @rule(label=st.sampled_from(["tank", "scratch"]))
    def create_pool(self, label: str) -> None:
        uuid = f"uuid-of-{label}"
        if self.system.joined() and uuid not in self.system.pools:
            self.system.create_pool(uuid, label, 10**9)
            self.damaged[uuid] = set()

    @rule(label=st.sampled_from(["tank", "scratch"]))
    def connect(self, label: str) -> None:
        self.clock += 1
        before = dict(self.system.handles)
        try:
            self.system.connect(Handle(f"handle-{self.clock}", label, "daos-client-01", 1))
        except Refused:
            assert self.system.handles == before

    @rule(label=st.sampled_from(["tank", "scratch"]))
    def evict(self, label: str) -> None:
        try:
            self.system.evict(label)
        except Refused:
            return
        assert all(h.pool != f"uuid-of-{label}" for h in self.system.handles.values())

    @invariant()
    def one_version_serves(self) -> None:
        versions = {self.system.members[rank].version for rank in self.system.joined()}
        assert len(versions) <= 1

    @invariant()
    def pools_lack_exactly_the_ranks_they_lost(self) -> None:
        for uuid, ranks in self.damaged.items():
            pool = self.system.pools[uuid]
            assert set(pool.disabled) == ranks
            assert pool.version == 1 + len(ranks)

    @invariant()
    def handles_are_of_pools(self) -> None:
        assert {handle.pool for handle in self.system.handles.values()} <= set(self.system.pools)

    @invariant()
    def it_survives_as_json(self) -> None:
        data = self.system.to_dict()
        again = System.from_dict(json.loads(json.dumps(data)))
        assert again.to_dict() == data
        assert again.members == self.system.members
        assert again.pools == self.system.pools

    @invariant()
    def members_changed_as_the_events_say(self) -> None:
        states: dict[int, str] = {}
        for name, details in self.system.events:
            if name == "member":
                assert details["was"] == states.get(details["rank"], "")
                states[details["rank"]] = details["state"]
        assert states == {r: m.state for r, m in self.system.members.items()}


TestSystems = Systems.TestCase
TestSystems.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
