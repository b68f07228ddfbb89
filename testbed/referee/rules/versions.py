"""R4, R5 and R12: what is installed when, and what starts at which version."""

from testbed.referee.cluster import Version, version_of
from testbed.referee.history import Event
from testbed.referee.observer import Observer
from testbed.referee.rules.rule import Rule
from testbed.referee.verdict import folded

_STARTS = ("daos_server start", "daos_engine start")


class Quiet(Rule):
    """R4: packages change while nothing of DAOS runs anywhere.

    A node that is no server may be brought to the version of all servers, up or down, while they
    serve, if nothing of DAOS runs on that node itself: it was left out, and is picked up now.
    """

    number = "R4"
    name = "quiet"
    idle = "no package was changed"
    keeps = (
        ("changes", "{changes:package change}, nothing ran"),
        ("later", "{later:package change} on nodes picked up later"),
    )

    def see(self, event: Event, seen: Observer) -> None:
        if not (seen.acting and seen.is_package_change(event)):
            return
        running = [node for node in seen.cluster.up() if node.running]
        if running and _catches_up(event, seen):
            self.counted["later"] += 1
            return
        self.counted["changes"] += 1
        if running:
            programs = " and ".join(sorted({what for node in running for what in node.running}))
            which = folded(node.name for node in running)
            self.broken(f"packages changed on {{nodes}} while {programs} ran on {which}", event)


def _catches_up(event: Event, seen: Observer) -> bool:
    node = seen.cluster.node(event.host)
    installed = event.kind == "rpm installed"
    left = {event.version} if installed else node.versions - {event.version}
    return not node.is_server and not node.running and seen.cluster.server_versions() == left


class OneVersion(Rule):
    """R5: servers start when all have the same version, and engines of two never run at once."""

    number = "R5"
    name = "one version"
    idle = "no server was started"
    keeps = (
        ("servers", "{servers:server} and {engines:engine} started, each at the version of all"),
    )

    def see(self, event: Event, seen: Observer) -> None:
        if event.kind not in _STARTS or not (seen.acting or seen.window):
            return
        self.counted["servers"] += event.kind == "daos_server start"
        versions = seen.cluster.server_versions()
        if len(versions) > 1:
            had = " and ".join(sorted(versions, key=version_of))
            self.broken(f"started on {{nodes}} while servers had {had}", event)
        if event.kind == "daos_engine start":
            self.counted["engines"] += 1
            others = {engine.version for engine in seen.cluster.engines()} - {event.version}
            if others:
                which = " and ".join(sorted(others, key=version_of))
                mixed = f"an engine {event.version} started on {{nodes}} while engines {which} ran"
                self.broken(mixed, event)


class Direction(Rule):
    """R12: never to a lower release once an engine of the higher one has started."""

    number = "R12"
    name = "direction"
    idle = "no engine of a higher release was started"
    _lowest: Version | None = None
    _highest: Version = ()

    def see(self, event: Event, seen: Observer) -> None:
        if event.kind in ("rpm installed", *_STARTS) and (event.package or not _is_rpm(event)):
            version = version_of(event.version)
            if seen.acting and version < self._highest:
                what = "installed" if _is_rpm(event) else "started"
                highest = ".".join(map(str, self._highest))
                sentence = (
                    f"{event.version} was {what} on {{nodes}} after engines {highest} had run"
                )
                self.broken(sentence, event)
        if event.kind == "daos_engine start":
            version = version_of(event.version)
            self._lowest = min(self._lowest or version, version)
            self._highest = max(self._highest, version)

    def kept(self) -> str:
        if self._lowest is None or self._lowest == self._highest:
            return ""
        highest = ".".join(map(str, self._highest))
        return f"engines went up to {highest}, and nothing lower came after"


def _is_rpm(event: Event) -> bool:
    return event.kind.startswith("rpm ")
