"""M1 and M2: from 1.x to 2.x over a reformat, without losing a file."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from testbed.referee.history import FORMATTED, Event
from testbed.referee.observer import Observer, Phase
from testbed.referee.rules.rule import Rule, count


class Backup(Rule):
    """M1: storage that holds files is wiped only while an identical copy lies outside DAOS.

    Whoever wipes storage looks at that very moment at what it holds and what lies elsewhere; so
    a backup that was never made, is older than the data, or has gone bad breaks the rule alike.
    """

    number = "M1"
    name = "backup"
    idle = "no storage that held files was wiped"
    keeps = (
        ("wiped", "{wiped:container} on wiped storage, an identical copy of each outside DAOS"),
    )

    def see(self, event: Event, seen: Observer) -> None:
        if event.kind != FORMATTED or seen.phase(event) is not Phase.FORMAT:
            return
        for uuid, held in _held(event):
            if not held["files"]:
                continue
            self.counted["wiped"] += 1
            if not event.details["witness"].get(uuid):
                files = count(held["files"], "file")
                which = f"the container {uuid} of the pool {held['pool']} ({files})"
                self.broken(f"wiped on {{nodes}}: {which}, without an identical copy", event)


class Restored(Rule):
    """M2: after a migration a container holds what each container held that the reformat wiped.

    Containers are told by their contents, since they get other UUIDs, and names of their own.
    """

    number = "M2"
    name = "restored"
    idle = "nobody noted what the system held after a migration from 1.x"
    keeps = (("wiped", "{wiped:container} back as before the storage was wiped"),)
    _noted: Mapping[str, str] = {}  # the digests before the migration

    def see(self, event: Event, seen: Observer) -> None:
        if event.kind != "lab contents" or not seen.settled:
            return
        if seen.wiped:
            self._compare(event, seen)
        self._noted = event.details["digests"]

    def _compare(self, event: Event, seen: Observer) -> None:
        there = Counter(event.details["digests"].values())
        for which, digest, shown in self._before(seen.wiped):
            self.counted["wiped"] += 1
            if not there[digest]:
                self.broken(f"{which} is not there as it was before", *shown, event)
            there[digest] -= 1

    def _before(self, wiped: Iterable[Event]) -> Iterator[tuple[str, str, list[Event]]]:
        """What the storage held; where it did not tell, what had been noted before."""
        told = False
        for event in wiped:
            for uuid, held in _held(event):
                told = True
                yield f"the container {uuid} of the pool {held['pool']}", held["digest"], [event]
        for label, digest in self._noted.items() if not told else ():
            yield f"the data of the pool {label}", digest, []


def _held(event: Event) -> Iterable[tuple[str, dict[str, Any]]]:
    """The containers that wiped storage held, by their UUIDs."""
    containers: dict[str, dict[str, Any]] = event.details["containers"]
    return containers.items()
