"""R6 and R7: clients meet the system that they left, with the data that they left."""

from testbed.referee.history import AGENT, Event
from testbed.referee.observer import Observer
from testbed.referee.rules.rule import Rule
from testbed.referee.verdict import ranks


class Served(Rule):
    """R6: agents start when every rank that was Joined is so again, at the servers' version."""

    number = "R6"
    name = "served"
    idle = "no agent was started"
    keeps = (("agents", "{agents:agent} started, every rank had joined"),)

    def see(self, event: Event, seen: Observer) -> None:
        if event.kind != "daos_agent start":
            return
        by_boot = AGENT in seen.cluster.node(event.host).by_boot
        if not (seen.window if by_boot else seen.acting):
            return
        self.counted["agents"] += 1
        before = seen.window.before.joined - seen.given_up if seen.window else set()
        missing = before - seen.cluster.joined()
        if missing and not (by_boot and seen.all_back(event.host)):
            sentence = f"daos_agent started on {{nodes}} before {ranks(missing)} had joined"
            self.broken(sentence, event)
        self._version(event, seen)

    def _version(self, event: Event, seen: Observer) -> None:
        servers = seen.cluster.server_versions()
        node = seen.cluster.node(event.host)
        if servers and (servers != {event.version} or node.versions - servers):
            have = " and ".join(sorted(servers))
            started = f"daos_agent {event.version} started on {{nodes}}"
            self.broken(f"{started}, and servers have {have}", event)


class Data(Rule):
    """R7: the same pools with the same contents before and after.

    Across the reformat from 1.x to 2.x no pool can be the same; rule M2 is about that.
    """

    number = "R7"
    name = "data"
    idle = "nobody noted what the system held before and after a command; a migration is M2's"
    keeps = (("times", "{pools:pool} compared {times:time}, all the same"),)
    _between = False  # was a command typed since?
    _last: Event | None = None

    def see(self, event: Event, seen: Observer) -> None:
        if event.kind == "lab contents":
            self._compare(event, seen)
        elif event.kind == "lab command":
            self._between = True
        elif event.kind == "daos_server system-erased" and seen.acting and not seen.wiped:
            self.broken("the system was erased", event)
        elif event.kind == "daos_server pool-destroyed" and seen.acting:
            self.broken(f"the pool {event.details.get('pool')} was destroyed", event)

    def _compare(self, event: Event, seen: Observer) -> None:
        if seen.wiped:
            self._last, self._between = event, False
            return
        before, self._last = self._last, event
        if before is None or not (self._between or not seen.noted):
            return
        self._between = False
        self.counted["times"] += 1
        self.counted["pools"] = len(event.details["pools"])
        for what in ("pools", "digests"):
            old, new = before.details[what], event.details[what]
            for pool in sorted({*old, *new}):
                if old.get(pool) != new.get(pool):
                    kind = "data" if what == "digests" else "state"
                    change = f"{old.get(pool)} -> {new.get(pool)}"
                    self.broken(f"the {kind} of the pool {pool} is not the same: {change}", event)
