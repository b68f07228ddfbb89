"""What all rules have in common."""

from collections import Counter
from string import Formatter

from testbed.referee.history import Event
from testbed.referee.observer import Observer
from testbed.referee.verdict import Verdict, folded


class Rule:
    """A rule: it is shown every event, with what was so right before it.

    + number, name: as in the design, "R4", "quiet"
    + idle: what to say where nothing happened that the rule is about
    + keeps: what has to be counted, and what that shows was kept; "{runs:command}" in it becomes
      how many runs were counted, as in "2 commands"
    """

    number: str
    name: str
    idle: str
    keeps: tuple[tuple[str, str], ...]

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self._breaches: dict[str, tuple[set[str], list[Event]]] = {}

    def see(self, event: Event, seen: Observer) -> None:
        """Look at an event."""
        raise NotImplementedError

    def kept(self) -> str:
        """What shows that the rule was kept, "" where nothing put it to the test."""
        said = [sentence for what, sentence in self.keeps if self.counted[what]]
        return _Counts().vformat("; ".join(said), (), self.counted)

    def broken(self, sentence: str, *events: Event, host: str = "") -> None:
        """Remember a breach.

        + sentence: what was done; "{nodes}" in it becomes the set of all nodes that did the same
        + host: the node, where it is not the one of the first event
        """
        hosts, found = self._breaches.setdefault(sentence, (set(), []))
        hosts.add(host or events[0].host)
        found += [event for event in events if event not in found]

    def verdict(self) -> Verdict:
        """The judgement, when all events were seen."""
        if self._breaches:
            sentences = [
                sentence.replace("{nodes}", folded(hosts))
                for sentence, (hosts, _) in self._breaches.items()
            ]
            found = {event.number: event for _, shown in self._breaches.values() for event in shown}
            events = tuple(found[number] for number in sorted(found))
            return Verdict(self.number, self.name, "broken", tuple(sentences), events)
        said = self.kept()
        if said:
            return Verdict(self.number, self.name, "kept", (said,))
        return Verdict(self.number, self.name, "not exercised", (self.idle,))


class _Counts(Formatter):
    """Writes numbers with their nouns, "{runs:command}"."""

    def format_field(self, value: int, noun: str) -> str:
        return count(value, noun)


def count(number: int, noun: str) -> str:
    """A number and its noun: "1 engine", "2 engines"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
