"""R1 and R10: whether there was a reason to do anything at all."""

from __future__ import annotations

from testbed.referee.history import Event
from testbed.referee.observer import Command, Observer, Phase, Snapshot
from testbed.referee.rules.rule import Rule, count


class Needed(Rule):
    """R1: nothing is stopped without need, nor on a system that is not whole."""

    number = "R1"
    name = "needed"
    idle = "no window ended, and no command met a system that was not whole"

    def __init__(self) -> None:
        super().__init__()
        self._windows = self._spared = 0
        self._first_stops: dict[int, Event] = {}  # by the number of the command's event

    def see(self, event: Event, seen: Observer) -> None:
        for command in seen.running if _stops(event, seen) else ():
            self._first_stops.setdefault(command.event.number, event)
            if _not_whole(command):
                why = command.unhealthy
                self.broken(f"stopped on {{nodes}} although {why}", event)
        ended = seen.ending(event)
        if ended:
            self._at_the_end(ended, event, seen)

    def _at_the_end(self, command: Command, event: Event, seen: Observer) -> None:
        stop = self._stop_of(command)
        self._spared += _not_whole(command) and stop is None
        if seen.success(event) and seen.window:
            self._windows += 1
            opened_here = seen.window.command is command
            if stop and opened_here and not seen.window.package_changes:
                self.broken("stopped on {nodes}, and no package was changed", stop)

    def _stop_of(self, command: Command) -> Event | None:
        return self._first_stops.get(command.event.number)

    def kept(self) -> str:
        found = []
        if self._windows:
            found.append(f"{count(self._windows, 'window')}, the system was whole before")
        if self._spared:
            commands = count(self._spared, "command")
            found.append(f"{commands} on a system that was not whole stopped nothing")
        return "; ".join(found)


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

    def __init__(self) -> None:
        super().__init__()
        self._idle_runs = 0

    def see(self, event: Event, seen: Observer) -> None:
        command = seen.ending(event)
        if command is None or event.details["exit"] != 0:
            return
        if command.shared or command.resumes or not command.complete:
            return
        if command.before.versions != Snapshot.of(seen.cluster).versions:
            return  # it was an update
        self._idle_runs += 1
        if command.acts:
            nodes = "changed something on {nodes}, and all was as it should be before"
            for act in command.acts:
                self.broken(nodes, act)

    def kept(self) -> str:
        runs = self._idle_runs
        return f"{count(runs, 'command')} on a healthy system changed nothing" if runs else ""
