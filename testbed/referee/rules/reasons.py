"""R1 and R10: whether there was a reason to do anything at all."""

from testbed.referee.cluster import Node, major
from testbed.referee.history import FORMATTED, Event
from testbed.referee.observer import Command, Observer, Phase, Snapshot
from testbed.referee.rules.rule import Rule
from testbed.referee.verdict import Verdict


class Needed(Rule):
    """R1: nothing is stopped without need, on a system that is not whole, or for 2.x over 1.x.

    2.x may be installed over 1.x where the storage is formatted then: rule M1 is about that.
    """

    number = "R1"
    name = "needed"
    idle = "no window ended, and no command met a system that was not whole"
    keeps = (
        ("windows", "{windows:window}, the system was whole before"),
        ("spared", "{spared:command} on a system that was not whole stopped nothing"),
    )

    def __init__(self) -> None:
        super().__init__()
        self._first_stops: dict[int, Event] = {}  # by the number of the command's event
        self._in_place: dict[str, Event] = {}  # servers with 2.x on the storage of 1.x

    def see(self, event: Event, seen: Observer) -> None:
        for command in seen.running if _stops(event, seen) else ():
            self._first_stops.setdefault(command.event.number, event)
            if _not_whole(command):
                why = command.unhealthy
                self.broken(f"stopped on {{nodes}} although {why}", event)
        self._see_storage(event, seen)
        ended = seen.ending(event)
        if ended:
            self._at_the_end(ended, event, seen)

    def _see_storage(self, event: Event, seen: Observer) -> None:
        if event.kind == FORMATTED:
            self._in_place.pop(event.host, None)
        elif seen.acting and seen.meets_1x(event):
            self._meet_1x(event, seen)
        elif seen.over(event) and seen.window:
            for node in filter(_is_2x_on_1x, seen.cluster.servers()):
                self._in_place.setdefault(node.name, event)

    def _meet_1x(self, event: Event, seen: Observer) -> None:
        if event.kind == "daos_engine ready":
            self.broken("an engine of 2.x served storage of 1.x on {nodes}", event)
        elif not any(command.goes_on for command in seen.running):  # where one does, it may format
            self._in_place.setdefault(event.host, event)

    def _at_the_end(self, command: Command, event: Event, seen: Observer) -> None:
        stop = self._first_stops.get(command.event.number)
        self.counted["spared"] += _not_whole(command) and stop is None
        if seen.over(event) and seen.window:
            self.counted["windows"] += 1
            opened_here = seen.window.command is command
            if stop and opened_here and not seen.window.package_changes:
                self.broken("stopped on {nodes}, and no package was changed", stop)

    def verdict(self) -> Verdict:
        for name, event in self._in_place.items():
            sentence = "2.x took the place of 1.x on {nodes}, and the storage was not formatted"
            self.broken(sentence, event, host=name)
        return super().verdict()


def _is_2x_on_1x(node: Node) -> bool:
    of_2x = all(major(version) >= 2 for version in node.packages["daos-server"])
    return of_2x and 1 in node.layouts.values()


def _stops(event: Event, seen: Observer) -> bool:
    stops_unit = seen.phase(event) in (Phase.STOP_AGENTS, Phase.STOP_SERVERS)
    return stops_unit or seen.stops_engine(event)


def _not_whole(command: Command) -> bool:
    """Whether it met a system that served and was not whole, and no window that it could resume."""
    return bool(command.before.engines and command.unhealthy and not command.resumes)


class Idempotent(Rule):
    """R10: a run on an updated, healthy system changes nothing."""

    number = "R10"
    name = "idempotent"
    idle = "no command was typed on a system that was as it should be"
    keeps = (("runs", "{runs:command} on a healthy system changed nothing"),)

    def see(self, event: Event, seen: Observer) -> None:
        command = seen.ending(event)
        if command is None or event.details["exit"] != 0:
            return
        if command.shared or command.resumes or not command.complete:
            return
        before, after = command.before, Snapshot.of(seen.cluster)
        if (before.versions, before.builds) != (after.versions, after.builds):
            return  # it was an update, of builds alone where it was a hot fix
        self.counted["runs"] += 1
        for act in command.acts:
            self.broken("changed something on {nodes}, and all was as it should be before", act)
