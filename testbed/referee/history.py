"""Reading a history: the events that the nodes of a lab and an observer outside logged."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

AGENT = "daos_agent.service"
SERVER = "daos_server.service"
UNITS = {"daos_agent": AGENT, "daos_server": SERVER}
FORMATTED = "daos_server storage-formatted"


class Unreadable(Exception):
    """A history that cannot be judged; the text says which line or event, and why."""


@dataclass(frozen=True)
class Event:
    """One event.

    + number: its place in the history, from 0
    + time: RFC 3339 in UTC, so that times compare as texts
    + kind: program and event, "daos_engine stop"
    """

    number: int
    time: str
    host: str
    kind: str
    pid: int
    details: Mapping[str, Any]

    @cached_property
    def unit(self) -> str:
        """The DAOS unit that systemd tells of, "" for other units and other events.

        A site's own unit that runs a daemon stands for DAOS's.
        """
        if not self.kind.startswith("systemd "):
            return ""
        unit = self.details.get("unit")
        own = UNITS.get(str(self.details.get("runs")), "")
        return str(unit) if unit in UNITS.values() else own

    @cached_property
    def package(self) -> str:
        """The DAOS package that rpm tells of, "" for others."""
        package = str(self.details.get("package", "")) if self.kind.startswith("rpm ") else ""
        return package if package.split("-")[0] == "daos" else ""

    @property
    def version(self) -> str:
        return str(self.details.get("version", ""))

    @property
    def build(self) -> str:
        """The build of a package, "2.0.3-1.el8"; "" where it is not told."""
        return str(self.details.get("build", ""))

    def __str__(self) -> str:
        said = ", ".join(f"{key} {value}" for key, value in self.details.items())
        return f"{self.time[11:23]} {self.host} {self.kind}{': ' if said else ''}{said}"


def read(path: Path) -> list[dict[str, Any]]:
    """The events of a file with one JSON object a line. Raises Unreadable."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{path} cannot be read: {error}") from error
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except ValueError as error:
            raise Unreadable(f"{path}, line {number} is no JSON: {error}") from error
        try:
            _checked(event)
        except Unreadable as error:
            raise Unreadable(f"{path}, line {number}: {error}") from error
        found.append(event)
    if not found:
        raise Unreadable(f"{path} holds no events")
    return found


def typed(events: Sequence[Mapping[str, Any]]) -> list[Event]:
    """The events in the order of time. Raises Unreadable."""
    for number, event in enumerate(events, 1):
        try:
            _checked(event)
        except Unreadable as error:
            raise Unreadable(f"event {number}: {error}") from error
    return [
        Event(
            number=number,
            time=event["time"],
            host=event["host"],
            kind=f"{event['program']} {event['event']}",
            pid=event["pid"],
            details=event["details"],
        )
        for number, event in enumerate(sorted(events, key=lambda event: str(event["time"])))
    ]


# What rules build upon: of which events which details are needed, and what these are.
_NEEDED: dict[str, dict[str, type]] = {
    "rpm installed": {"package": str, "version": str},
    "rpm removed": {"package": str, "version": str},
    "daos_agent start": {"version": str},
    "daos_server start": {"version": str},
    "daos_engine start": {"version": str},
    "daos_engine ready": {"rank": int},
    "daos_server member": {"rank": int, "state": str},
    "daos_server system-stop": {"ok": bool, "force": bool},
    FORMATTED: {"index": int, "containers": dict, "witness": dict},
    "daos_server pool-degraded": {"pool": str, "ranks": list},
    "daos_server pool-connected": {"pool": str, "host": str, "handle": str},
    "daos_server pool-disconnected": {"handle": str},
    "daos_server pool-evicted": {"handles": list},
    "lab command": {"argv": list},
    "lab command-ended": {"argv": list, "exit": int},
    "lab contents": {"pools": dict, "digests": dict},
    "lab power-lost": {"node": str},
    "lab silent": {"node": str},
    "lab answers": {"node": str},
}
_OF_CONTAINER = {"pool": str, "files": int, "digest": str}
_FIELDS = {"host": str, "program": str, "pid": int, "event": str, "details": Mapping}


def _checked(event: object) -> None:
    if not isinstance(event, Mapping):
        raise Unreadable("it is no object")
    try:
        moment = datetime.fromisoformat(str(event.get("time")))
    except ValueError:
        moment = None
    if moment is None or not str(event["time"]).endswith("Z"):
        raise Unreadable(f"its time {event.get('time')!r} is none in UTC")
    for name, wanted in _FIELDS.items():
        if not isinstance(event.get(name), wanted):
            raise Unreadable(f"{name} is missing or not of the type {wanted.__name__}")
    kind = f"{event['program']} {event['event']}"
    _has(event["details"], _NEEDED.get(kind, {}), kind)
    if kind == FORMATTED:
        for uuid, held in event["details"]["containers"].items():
            _has(held, _OF_CONTAINER, f"{kind}, the container {uuid}")


def _has(details: object, needed: Mapping[str, type], which: str) -> None:
    """Raises Unreadable unless all needed details are there, and of the right types."""
    for name, one_of in needed.items():
        if not (isinstance(details, Mapping) and isinstance(details.get(name), one_of)):
            raise Unreadable(f"{which} has no {name}, or one of another type")


def died_with_their_server(events: Iterable[Event]) -> set[int]:
    """The numbers of the stops of engines whose server was killed: nobody's step."""
    found: set[int] = set()
    stops: dict[str, list[int]] = {}
    for event in events:
        if event.kind == "daos_engine stop":
            stops.setdefault(event.host, []).append(event.number)
        elif event.kind == "systemd unit-failed" and event.unit == SERVER:
            found.update(stops.pop(event.host, ()))
        elif _begins_or_ends_a_server(event):
            stops.pop(event.host, None)
    return found


def _begins_or_ends_a_server(event: Event) -> bool:
    by_systemd = ("systemd unit-starting", "systemd unit-stopped")
    return (event.kind in by_systemd and event.unit == SERVER) or event.kind == "systemd boot"
