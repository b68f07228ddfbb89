"""R2 and R3: how engines and servers are stopped."""

from testbed.referee.history import SERVER, Event
from testbed.referee.observer import Observer
from testbed.referee.rules.rule import Rule
from testbed.referee.verdict import folded


class Connections(Rule):
    """R2: engines stop when nobody uses them, and nobody is disconnected without permission."""

    number = "R2"
    name = "connections"
    idle = "no engine was stopped"
    keeps = (
        ("stops", "{stops:engine} stopped, no agent ran, no connection was open"),
        ("evicted", "{evicted:connection} evicted with permission"),
    )

    def see(self, event: Event, seen: Observer) -> None:
        if seen.stops_engine(event):
            self.counted["stops"] += 1
            self._in_use(event, seen)
        elif event.kind == "daos_server pool-evicted" and event.details["handles"] and seen.acting:
            self.counted["evicted"] += len(event.details["handles"])
            if not any(command.may_evict for command in seen.running):
                pool = event.details.get("pool")
                self.broken(
                    f"connections of the pool {pool} were evicted without permission", event
                )

    def _in_use(self, event: Event, seen: Observer) -> None:
        agents = [node.name for node in seen.cluster.up() if node.agents]
        if agents:
            which = folded(agents)
            self.broken(f"engines stopped on {{nodes}} while daos_agent ran on {which}", event)
        if seen.cluster.connections:
            which = folded(seen.cluster.connections.values())
            self.broken(f"engines stopped on {{nodes}} while {which} held connections", event)


class CleanStop(Rule):
    """R3: a server is stopped when a system stop, not a forced one, has stopped its engines."""

    number = "R3"
    name = "clean stop"
    idle = "no server was stopped"
    keeps = (
        ("stops", "{engines:engine} and {servers:server} stopped, each engine by a system stop"),
    )

    def see(self, event: Event, seen: Observer) -> None:
        if event.kind == "daos_server system-stop" and seen.acting and event.details["force"]:
            self.broken("the system was stopped by force", event)
        if seen.stops_engine(event):
            self.counted.update(("stops", "engines"))
            engine = seen.cluster.node(event.host).engines[event.pid]
            if engine.served and not engine.released:
                self.broken("engines on {nodes} ended without a system stop", event)
        elif _stops_server(event, seen):
            self.counted.update(("stops", "servers") if event.kind == "daos_server stop" else ())
            if seen.cluster.node(event.host).serving():
                self.broken("daos_server was stopped on {nodes} while its engines served", event)


def _stops_server(event: Event, seen: Observer) -> bool:
    asked = event.kind == "systemd unit-stopping" and event.unit == SERVER
    done = event.kind == "daos_server stop"
    return (asked or done) and seen.acting and seen.cluster.node(event.host).up
