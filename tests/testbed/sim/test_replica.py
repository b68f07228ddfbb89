"""Replicas of the management service: one leader a term, and nothing acknowledged is ever lost."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from testbed.sim.server.replica import NotLeader, Replica

NAMES = ["a", "b", "c"]
some = st.sampled_from(NAMES)


class Cluster:
    """Replicas on a network that loses requests or answers, as a test says, and without threads."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.names = names
        self.now = 100.0
        self.lost_requests: set[tuple[str, str]] = set()
        self.lost_answers: set[tuple[str, str]] = set()
        self.leaders: list[tuple[int, str]] = []
        self._folder = folder
        self.replicas: dict[str, Replica] = {}
        for name in names:
            self.start(name)

    def start(self, name: str) -> None:
        """Start a replica (again) from its file."""
        self.replicas[name] = Replica(
            name,
            self.names,
            self._folder / name / "state.json",
            self._sender(name),
            lambda term: self.leaders.append((term, name)),
            lambda: self.now,
        )

    def _sender(self, name: str) -> Any:
        def send(
            peer: str, operation: str, _timeout: float, message: dict[str, Any]
        ) -> Callable[[], Any]:
            answer = None
            if (name, peer) not in self.lost_requests:
                request = json.loads(json.dumps(message))
                answer = self.replicas[peer].handle(operation, request)
            if (name, peer) in self.lost_answers:
                answer = None

            def result() -> Any:
                if answer is None:
                    raise OSError("lost")
                return answer

            return result

        return send

    def elect(self, name: str) -> bool:
        """Let one replica campaign after a silence; did it become the leader?"""
        self.now += 10
        self.replicas[name].campaign()
        return self.replicas[name].leading()


class Replicas(RuleBasedStateMachine):
    """Elections, changes, losses and restarts in any order."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.cluster = Cluster(Path(self._folder.name), NAMES)
        self.acknowledged = 0  # the highest value that a proposal was told to be stored
        self.proposed = 0
        self.checked = 0

    def teardown(self) -> None:
        self._folder.cleanup()

    @rule(name=some)
    def campaign(self, name: str) -> None:
        if not self.cluster.replicas[name].leading():
            self.cluster.elect(name)

    @rule(name=some)
    def propose(self, name: str) -> None:
        self.proposed += 1
        try:
            self.cluster.replicas[name].propose({"value": self.proposed})
        except NotLeader:
            return
        self.acknowledged = self.proposed

    @rule(name=some)
    def beat(self, name: str) -> None:
        if self.cluster.replicas[name].leading():
            self.cluster.replicas[name].beat()

    @rule(name=some)
    def restart(self, name: str) -> None:
        self.cluster.start(name)

    @rule(one=some, other=some, answers=st.booleans())
    def lose(self, one: str, other: str, answers: bool) -> None:
        lost = self.cluster.lost_answers if answers else self.cluster.lost_requests
        lost.add((one, other))

    @rule()
    def heal(self) -> None:
        self.cluster.lost_requests.clear()
        self.cluster.lost_answers.clear()

    @invariant()
    def one_leader_a_term(self) -> None:
        terms = [term for term, _ in self.cluster.leaders]
        assert len(set(terms)) == len(terms)

    @invariant()
    def the_newest_leader_knows_what_was_acknowledged(self) -> None:
        newest = max(self.cluster.replicas.values(), key=lambda replica: replica.term)
        if newest.leading():
            assert newest.state.get("value", 0) >= self.acknowledged

    @invariant()
    def a_majority_stores_what_was_acknowledged(self) -> None:
        values = [replica.state.get("value", 0) for replica in self.cluster.replicas.values()]
        assert sorted(values)[1] >= self.acknowledged


TestReplicas = Replicas.TestCase
TestReplicas.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path, NAMES)


def test_a_single_replica_leads_itself(tmp_path: Path) -> None:
    alone = Cluster(tmp_path, ["a"])
    assert alone.elect("a")
    alone.replicas["a"].propose({"value": 1})
    assert alone.replicas["a"].state["value"] == 1


def test_a_replica_that_returns_disturbs_no_leader(cluster: Cluster) -> None:
    assert cluster.elect("a")
    cluster.replicas["a"].beat()
    cluster.start("b")
    cluster.replicas["b"].campaign()
    assert cluster.replicas["a"].leading()
    assert not cluster.replicas["b"].leading()


def test_who_has_learnt_of_no_leader_knows_nothing(cluster: Cluster) -> None:
    assert cluster.elect("a")
    cluster.replicas["a"].propose({"value": 1})
    assert cluster.replicas["b"].current()
    cluster.start("b")
    assert not cluster.replicas["b"].current()


def test_a_leader_without_majority_steps_down(cluster: Cluster) -> None:
    assert cluster.elect("a")
    cluster.lost_requests = {("a", "b"), ("a", "c")}
    cluster.now += 10
    cluster.replicas["a"].beat()
    assert not cluster.replicas["a"].leading()


@pytest.mark.parametrize("arrives", [True, False])
def test_what_was_proposed_in_vain_is_known_to_the_next_leader_or_not(
    cluster: Cluster, arrives: bool
) -> None:
    """Leader "a" proposes something, no answer comes back, and "b" is elected."""
    assert cluster.elect("a")
    lost = cluster.lost_answers if arrives else cluster.lost_requests
    lost.update({("a", "b"), ("a", "c")})
    with pytest.raises(NotLeader) as error:
        cluster.replicas["a"].propose({"value": 1})
    lost.clear()
    assert cluster.elect("b")
    cluster.replicas["b"].propose({"value": 2})
    assert cluster.replicas["a"].passed_on(error.value.change) is arrives


def test_what_was_never_proposed_is_not_passed_on(cluster: Cluster) -> None:
    with pytest.raises(NotLeader) as error:
        cluster.replicas["a"].propose({"value": 1})
    assert cluster.replicas["a"].passed_on(error.value.change) is False


def test_a_reset_of_all_wins_over_the_old_leader(cluster: Cluster) -> None:
    assert cluster.elect("a")
    cluster.replicas["a"].propose({"value": 1})
    for name in ("b", "c", "a"):
        cluster.replicas[name].reset(1000)
        cluster.replicas["a"].beat()  # the old leader knows nothing of it at first
    assert cluster.elect("b")
    assert [replica.state for replica in cluster.replicas.values()] == [{}, {}, {}]


def test_a_late_reset_does_not_undo_what_came_after_it(cluster: Cluster) -> None:
    for name in ("a", "b"):
        cluster.replicas[name].reset(1000)
    assert cluster.elect("a")
    cluster.replicas["a"].propose({"value": 2})
    cluster.replicas["c"].reset(1000)
    assert cluster.replicas["c"].state["value"] == 2


def vote(sender: str, term: int, entry: list[int], trial: bool = False) -> dict[str, Any]:
    return {"from": sender, "term": term, "entry": entry, "trial": trial}


@pytest.fixture
def follower(cluster: Cluster) -> Replica:
    """Replica c: follows a in term 1, and stores what a proposed."""
    assert cluster.elect("a")
    cluster.replicas["a"].propose({"value": 1})
    follower = cluster.replicas["c"]
    assert (follower.term, follower.entry, follower.state["value"]) == (1, [1, 2], 1)
    cluster.now += 10
    return follower


@pytest.mark.parametrize("trial", [True, False])
@pytest.mark.parametrize(
    ("entry", "granted"), [([1, 1], False), ([1, 2], True), ([2, 1], True), ([0, 9], False)]
)
def test_no_vote_for_one_who_knows_less(
    follower: Replica, entry: list[int], granted: bool, trial: bool
) -> None:
    assert follower.handle("vote", vote("b", 2, entry, trial))["granted"] is granted


def test_one_vote_a_term_also_over_a_restart(cluster: Cluster, follower: Replica) -> None:
    assert follower.handle("vote", vote("b", 2, [1, 2]))["granted"]
    assert not follower.handle("vote", vote("a", 2, [1, 2]))["granted"]
    cluster.start("c")
    restarted = cluster.replicas["c"]
    assert not restarted.handle("vote", vote("a", 2, [1, 2]))["granted"]
    assert restarted.handle("vote", vote("b", 2, [1, 2]))["granted"]


def test_no_vote_in_an_earlier_term(follower: Replica) -> None:
    assert not follower.handle("vote", vote("b", 0, [1, 2]))["granted"]
    assert not follower.handle("vote", vote("b", 1, [1, 2], trial=True))["granted"]


def test_a_trial_binds_nobody(follower: Replica) -> None:
    assert follower.handle("vote", vote("b", 2, [1, 2], trial=True))["granted"]
    assert (follower.term, follower.leader) == (1, "a")
    assert follower.handle("vote", vote("a", 2, [1, 2]))["granted"]


def test_a_leader_of_an_earlier_term_is_not_obeyed(follower: Replica) -> None:
    follower.handle("vote", vote("b", 2, [1, 2]))
    append = {"from": "a", "term": 1, "entry": [1, 3], "state": {"value": 2}}
    assert follower.handle("append", append) == {"term": 2, "ok": False}
    assert follower.state["value"] == 1


def test_a_message_that_was_overtaken_changes_nothing(follower: Replica) -> None:
    late = {"from": "a", "term": 1, "entry": [1, 1], "state": {"value": 0}}
    follower.handle("append", late)
    assert (follower.entry, follower.state["value"]) == ([1, 2], 1)


def test_a_beat_tells_who_lags(follower: Replica) -> None:
    beat = {"from": "a", "term": 1, "entry": [1, 3]}
    assert follower.handle("append", beat)["ok"] is False
    assert follower.handle("append", {**beat, "state": {"value": 2}})["ok"] is True
    assert follower.state["value"] == 2


def test_whoever_forgets_its_system_answers_for_it_no_more(cluster: Cluster) -> None:
    assert cluster.elect("a")
    cluster.replicas["a"].propose({"value": 1})
    for name in ("a", "b"):
        replica = cluster.replicas[name]
        assert replica.current()
        replica.close()
        assert not replica.current()
    with pytest.raises(NotLeader):
        cluster.replicas["a"].propose({"value": 2})
