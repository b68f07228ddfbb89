"""R8, R9 and R11: failures, interruptions and reboots."""

from collections.abc import Iterator

from testbed.referee.history import AGENT, SERVER, Event
from testbed.referee.observer import Observer, Phase, Snapshot, Window
from testbed.referee.rules.rule import Rule
from testbed.referee.verdict import ranks

Thing = tuple[str, str]  # what can fail, and where


class StopAtTrouble(Rule):
    """R8: once something has failed, a command begins no later phase on any node.

    What failed and went well at another try, on the same node in the same command, is mended.
    """

    number = "R8"
    name = "trouble"
    idle = "nothing failed during a command"
    keeps = (("failures", "{failures:failure}, no later step followed"),)
    _reached = 0  # the furthest phase of what runs now

    def __init__(self) -> None:
        super().__init__()
        self._failures: dict[Thing, tuple[Event, int]] = {}
        self._tried: set[Thing] = set()  # units that a step began to start or to stop

    def see(self, event: Event, seen: Observer) -> None:
        begins = event.kind == "lab command" and not seen.running
        if begins or (not seen.noted and not seen.window):  # a lab is set up by starting things
            self._reached, self._failures, self._tried = 0, {}, set()
        if not seen.acting:
            return
        phase = seen.phase(event)
        if phase:
            self._judge(event, phase)
            self._reached = max(self._reached, phase)
            self._tried.add((event.unit, event.host))
        what, failed = _outcome(event)
        if what and not failed:
            self._failures.pop(what, None)
        elif what and seen.cluster.node(event.host).up and self._is_of_a_step(event, seen):
            self.counted["failures"] += 1
            self._reached = max(self._reached, _BELONGS_TO.get(event.kind, 0))
            self._failures.setdefault(what, (event, self._reached))

    def _is_of_a_step(self, event: Event, seen: Observer) -> bool:
        """Whether a step failed; what runs and dies of itself is no step.

        Engines of 2.x abort on storage of 1.x whenever daos_server starts before it is formatted.
        """
        if event.unit:
            return (event.unit, event.host) in self._tried
        if event.kind == "daos_engine abort" and seen.meets_1x(event):
            return False
        return event.kind != "daos_server engine-killed" or self._reached >= Phase.START_SERVERS

    def _judge(self, act: Event, phase: Phase) -> None:
        for failure, reached in self._failures.values():
            if phase > reached:
                doing = phase.name.lower().replace("_", " ")
                sentence = f"{doing}: begun on {{nodes}} after {failure.kind} on {failure.host}"
                self.broken(sentence, failure, act, host=act.host)


_BELONGS_TO = {
    "rpm failed": Phase.PACKAGES,
    "daos_server system-stop": Phase.STOP_ENGINES,
    "daos_engine abort": Phase.START_SERVERS,
}


def _outcome(event: Event) -> tuple[Thing | None, bool]:
    """What an event says has failed or has gone well, if anything; whether it has failed."""
    failed = event.kind.endswith(("failed", "abort", "killed"))
    if event.kind == "rpm failed" or (event.kind == "rpm installed" and event.package != "daos"):
        return ("rpm", event.host), failed
    if event.kind in ("systemd unit-failed", "systemd unit-started") and event.unit:
        return (event.unit, event.host), failed
    if event.kind == "daos_server system-stop":
        return ("system-stop", ""), not event.details["ok"]
    if event.kind in ("daos_engine abort", "daos_server engine-killed", "daos_engine ready"):
        return ("engine", f"{event.host} {event.details.get('rank')}"), failed
    return None, False


class Resume(Rule):
    """R9: the command that succeeds after others did not leaves all as it was, at one version."""

    number = "R9"
    name = "resume"
    idle = "no command went on from where another one had stopped"
    keeps = (("failed", "{failed:command} that did not succeed, and in the end all was as before"),)

    def __init__(self) -> None:
        super().__init__()
        self._let_go: set[str] = set()  # nodes that have booted when all was back

    def see(self, event: Event, seen: Observer) -> None:
        if event.kind == "systemd boot" and seen.window and seen.all_back(event.host):
            self._let_go.add(event.host)
        if seen.over(event):
            self._judge(event, seen)
            self._let_go.clear()

    def _judge(self, event: Event, seen: Observer) -> None:
        if not seen.failed or seen.window is None:
            return
        self.counted["failed"] += len(seen.failed)
        self._one_version(event, seen, seen.window)
        before = _earliest(seen.failed[0].before, seen.window.before, seen)
        lost = before.joined - seen.cluster.joined() - seen.given_up
        if lost:
            self.broken(f"{ranks(lost)} served before, and not at the end", event)
        for name in sorted(before.agents):
            node = seen.cluster.node(name)
            by_itself = name in self._let_go and AGENT not in before.enabled.get(name, ())
            if node.up and not node.agents and not by_itself:
                sentence = "daos_agent ran on {nodes} before, and does not at the end"
                self.broken(sentence, event, host=name)
        for name, sentence in _other_units(before, seen):
            self.broken(sentence, event, host=name)

    def _one_version(self, event: Event, seen: Observer, window: Window) -> None:
        wanted = seen.cluster.server_versions()
        for node in seen.cluster.nodes.values():
            reached = node.up and not node.silent
            concerned = node.is_server or (reached and node.name in window.touched)
            if concerned and len(node.versions | wanted) > 1:
                which = " and ".join(sorted(node.versions))
                self.broken(f"{{nodes}} at {which} at the end", event, host=node.name)


def _earliest(first: Snapshot, window: Snapshot, seen: Observer) -> Snapshot:
    """What was so before all of it: before the first command, unless that one only refused."""
    return first if not seen.failed[0].resumes and seen.failed[0].acts else window


def _other_units(before: Snapshot, seen: Observer) -> Iterator[tuple[str, str]]:
    for name in sorted(before.up):
        node, old = seen.cluster.node(name), before.enabled.get(name, frozenset())
        if not node.up:
            continue
        for unit in sorted(old - node.enabled):
            yield name, f"{unit} was enabled on {{nodes}} before, and is not at the end"
        for unit in sorted(node.enabled - old):
            yield name, f"{unit} is enabled on {{nodes}} at the end, and was not before"


class RebootProof(Rule):
    """R11: a boot inside the window starts nothing; what was enabled is enabled again after it."""

    number = "R11"
    name = "reboot"
    idle = "no node booted in a window, and no unit was disabled"
    keeps = (
        ("boots", "{boots:boot} in a window started nothing"),
        ("units", "what was enabled before is enabled after"),
    )

    def see(self, event: Event, seen: Observer) -> None:
        if seen.window is None:
            return
        if _starts_by_boot(event, seen) and not seen.all_back(event.host):
            self.broken(f"{event.unit} started on {{nodes}} by a boot inside the window", event)
        boots = event.kind == "systemd boot" and event.host in seen.window.before.up
        self.counted["boots"] += boots
        if seen.over(event):
            self.counted["units"] += seen.window.unit_changes
            for name, sentence in _other_units(seen.window.before, seen):
                self.broken(sentence, event, host=name)


def _starts_by_boot(event: Event, seen: Observer) -> bool:
    node = seen.cluster.node(event.host)
    starting = event.kind == "systemd unit-starting" and event.unit in (AGENT, SERVER)
    return starting and event.unit in node.booting
