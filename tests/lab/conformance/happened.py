"""What happened on a cluster, by the logs of its events, without what is left to chance."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# Who is asked, by which process, and what the next in turn is called.
_OF_CHANCE = {
    "was", "rank", "ranks", "index", "term", "handle", "handles", "pid", "uuid", "host", "argv",
    "reason", "objects",
}  # fmt: skip
_TOOLS = ("dmg", "daos", "daos-job")  # the simulation does not tell when somebody asks
_OF_SERVICE = re.compile(r"member|(pool|system)-.*")  # told by whichever server leads
_NOT_ALWAYS = (
    "daos_server leader {}",  # one is elected as often as it takes
    "daos_engine stop {'prepared': False}",  # one whose server is killed may be killed, too
)
Event = Mapping[str, Any]


def on(node: str, events: Iterable[Event]) -> list[list[str]]:
    """The kinds of all that happened on a node, in their order.

    What engines and their server do between two events of others has no order among itself.

    + node: "" for the management service
    """
    parts: list[list[str]] = []
    before = False
    for event in _concerning(node, events):
        of_daos = event["program"] in ("daos_server", "daos_engine")
        if not (before and of_daos):
            parts.append([])
        before = of_daos
        parts[-1].append(_kind(event))
    return [sorted(part) for part in parts]


def _concerning(node: str, events: Iterable[Event]) -> Iterator[Event]:
    for event in events:
        program, details = event["program"], event["details"]
        of_service = program == "daos_server" and _OF_SERVICE.fullmatch(event["event"])
        if program in _TOOLS or details.get("runs") == "sshd" or _kind(event) in _NOT_ALWAYS:
            continue
        if details.get("state") == "ready":  # an engine has often joined before that is told
            continue
        if node == ("" if of_service else event["host"]):
            yield event


def _kind(event: Event) -> str:
    details = {key: it for key, it in event["details"].items() if key not in _OF_CHANCE}
    return f"{event['program']} {event['event']} {details}"
