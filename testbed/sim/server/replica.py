"""A replica of the management service's state: a small Raft whose log is one snapshot.

The state is small, so that a leader sends all of it with every change. An entry is identified by
(term in which it was made, index); a replica votes only for one whose entry is not older than its
own, so a state that a majority has acknowledged is never lost. A replica asks for votes in earnest
only after a majority said that it would give them: one that returns disturbs nobody.
"""

import json
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

HEARTBEAT = 0.4  # seconds between two messages of a leader
_PATIENCE = (1.4, 2.2)  # seconds without a leader until a replica asks for votes, random between
_AT_START = (0.02, 0.15)  # the same where no leader was ever heard
_SLOWEST = 8  # times that, after as many attempts
_CALL = 1.0  # seconds that another replica may take to answer
_LEASE = 2.0  # seconds without a majority after which a leader steps down
_SUCCESSION = 10.0  # seconds for a leader that is none any more to hear of the next one
_CHANGES = 32  # so many of the last changes are known by their names

Send = Callable[[str, str, float, dict[str, Any]], Callable[[], Any]]
"""Send(peer, operation, timeout, arguments) sends now; the result waits, raises where none came."""


class NotLeader(Exception):
    """This replica cannot decide; `leader` is who can, "" where nobody is known.

    `change` names what it has proposed to the others all the same, "" where it has not.
    """

    def __init__(self, leader: str = "", change: str = "") -> None:
        super().__init__("not the leader of the management service")
        self.leader = leader
        self.change = change


class Replica:
    """One replica, called `me` among `replicas`; its state is kept in the file `path`."""

    def __init__(
        self,
        me: str,
        replicas: list[str],
        path: Path,
        send: Send,
        on_leader: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._me = me
        self._peers = [name for name in replicas if name != me]
        self._path = path
        self._send = send
        self._on_leader = on_leader
        self._clock = clock
        self._lock = threading.RLock()
        self._proposing = threading.Lock()
        self._campaigns = 1  # in a row: they become rarer where nobody answers
        self._heard = 0.0  # when a leader was last heard (a leader: when a majority answered)
        self._closed = False
        self.leader = ""
        self.role = "follower"
        self.term, self.voted_for, self.entry, self.state = self._load()

    # What others may ask

    def leading(self) -> bool:
        """Is this replica the leader, with its state known to a majority?"""
        return self.role == "leader" and not self._closed

    def current(self) -> bool:
        """Does this replica know the state, from a leader that it hears?"""
        heard = self.leader and self._clock() - self._heard < _PATIENCE[1] + _CALL
        return self.leading() or bool(heard and not self._closed)

    def propose(self, state: dict[str, Any]) -> None:
        """Make `state` the state. Raises NotLeader; it may then be so later, or not."""
        change = uuid4().hex
        with self._proposing:
            with self._lock:
                if not self.leading():
                    raise NotLeader(self.leader)
                term, entry = self.term, [self.term, self.entry[1] + 1]
                changes = [*self.state.get("changes", []), change][-_CHANGES:]
            if not self._replicate(term, entry, {**state, "changes": changes}):
                raise NotLeader(change=change)

    def passed_on(self, change: str) -> bool:
        """Whether the next leader has a change that this one could not finish; waits for one."""
        for _ in range(int(_SUCCESSION / _CALL * 10)):
            if not change or self.current():
                break
            time.sleep(_CALL / 10)
        return change in self.state.get("changes", [])

    def reset(self, epoch: int) -> None:
        """Start anew with an empty state that is newer than any before `epoch`."""
        with self._lock:
            if self.entry >= [epoch, 0]:
                return  # the others have begun already
            self.role, self.leader = "follower", ""
            self.term, self.voted_for, self.entry, self.state = epoch, "", [epoch, 0], {}
            self._save()

    def close(self) -> None:
        """Answer for the system no more: its state is about to be thrown away.

        Source: eraseAndRestart in src/control/server/mgmt_system.go of v2.0.3, which stops the
        database before anybody has an answer, and the process some time after that.
        """
        self._closed = True

    def handle(self, operation: str, message: dict[str, Any]) -> dict[str, Any]:
        """Answer another replica's `vote` or `append`."""
        with self._lock:
            answer = self._vote(message) if operation == "vote" else self._append(message)
            return {"term": self.term, **answer}

    def _vote(self, message: dict[str, Any]) -> dict[str, Any]:
        newer_or_same = message["entry"] >= self.entry
        if message["trial"]:
            idle = not self.leading() and self._clock() - self._heard > _PATIENCE[0]
            idle = idle or not self.leader
            return {"granted": message["term"] > self.term and newer_or_same and idle}
        if message["term"] > self.term:
            self._follow(message["term"], "")
        free = self.voted_for in ("", message["from"])
        granted = message["term"] == self.term and free and newer_or_same
        if granted:
            self.voted_for = message["from"]
            self._save()
            self._heard = self._clock()
        return {"granted": granted}

    def _append(self, message: dict[str, Any]) -> dict[str, Any]:
        if message["term"] < self.term:
            return {"ok": False}
        if message["term"] > self.term or self.leader != message["from"]:
            self._follow(message["term"], message["from"])
        self._heard = self._clock()
        # Never an older one: it was sent before, and overtaken by, one acknowledged already.
        if message.get("state") is not None and message["entry"] > self.entry:
            self.entry, self.state = message["entry"], message["state"]
            self._save()
        return {"ok": self.entry >= message["entry"]}

    def _follow(self, term: int, leader: str) -> None:
        if term > self.term:
            self.term, self.voted_for = term, ""
            self._save()
        self.role, self.leader = "follower", leader

    # The replica's own thread

    def run(self) -> None:
        """Follow, ask for votes and lead, for ever."""
        while True:
            if self.role == "leader":
                time.sleep(HEARTBEAT)
                self.beat()
                continue
            patience = random.uniform(*(_PATIENCE if self.leader else _AT_START))
            time.sleep(patience * min(self._campaigns, _SLOWEST))
            if self.role == "leader":
                continue
            if not self.leader or self._clock() - self._heard > patience:
                self._campaigns += 1
                self.campaign()
            else:
                self._campaigns = 1

    def campaign(self) -> None:
        """Ask for votes, and lead if a majority gives them."""
        with self._lock:
            term, entry = self.term + 1, self.entry
        if not self._votes(term, entry, trial=True):
            return
        with self._lock:
            if self.term >= term or self.entry != entry:
                return
            self.term, self.voted_for, self.leader = term, self._me, ""
            self._save()
        if not self._votes(term, entry, trial=False):
            return
        # An entry of its own term makes what it found the state of the majority.
        if self._replicate(term, [term, entry[1] + 1], self.state, becoming=True):
            self._on_leader(term)

    def _votes(self, term: int, entry: list[int], trial: bool) -> bool:
        message = {"from": self._me, "term": term, "entry": entry, "trial": trial}
        answers = self._ask_all("vote", message)
        return self._majority(answer.get("granted") for answer in answers)

    def beat(self) -> None:
        """Tell the others that this leader is there, and what the state is where they lag."""
        with self._lock:
            message = {"from": self._me, "term": self.term, "entry": self.entry}
        answers = self._ask_all("append", message)
        if any(answer.get("ok") is False for answer in answers):
            with self._lock:
                if self.role != "leader":
                    return
                message = {**message, "entry": self.entry, "state": self.state}
            answers = self._ask_all("append", message)
        with self._lock:
            if self.role != "leader":
                return
            if self._majority(answer.get("ok") for answer in answers):
                self._heard = self._clock()
            elif self._clock() - self._heard > _LEASE:
                self._follow(self.term, "")

    def _replicate(
        self, term: int, entry: list[int], state: dict[str, Any], becoming: bool = False
    ) -> bool:
        message = {"from": self._me, "term": term, "entry": entry, "state": state}
        answers = self._ask_all("append", message)
        with self._lock:
            still = self.term == term and (becoming or self.role == "leader")
            if still and self._majority(answer.get("ok") for answer in answers):
                self.entry, self.state, self._heard = entry, state, self._clock()
                self.role, self.leader, self._campaigns = "leader", self._me, 1
                self._save()
                return True
            if self.term == term:
                self._follow(term, "")  # whether the majority has it is for the next leader to see
            return False

    def _ask_all(self, operation: str, message: dict[str, Any]) -> list[dict[str, Any]]:
        """Ask every peer at once and return the answers that came."""
        waiting = [self._send(peer, operation, _CALL, message) for peer in self._peers]
        answers = []
        for wait in waiting:
            try:
                answers.append(wait())
            except Exception:  # whatever keeps a peer from answering, it gave no vote
                continue
        newest = max((answer["term"] for answer in answers), default=0)
        with self._lock:
            if newest > self.term:
                self._follow(newest, "")
        return answers

    def _majority(self, grants: Any) -> bool:
        return 1 + sum(map(bool, grants)) > (1 + len(self._peers)) / 2

    # The file

    def _load(self) -> tuple[int, str, list[int], dict[str, Any]]:
        try:
            data = json.loads(self._path.read_text())
        except FileNotFoundError:
            return 0, "", [0, 0], {}
        return data["term"], data["voted_for"], data["entry"], data["state"]

    def _save(self) -> None:
        data = {name: getattr(self, name) for name in ("term", "voted_for", "entry", "state")}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(data))
        new.replace(self._path)
