"""What went wrong, as the page tells it: what is said of many nodes alike is said once."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

from .timeline import folded


@dataclass(frozen=True)
class Found:
    """A finding on the page.

    + nodes: folded; "" where it is about the whole system
    + count: how many they are
    + said: what a program has said, line by line; "" for nothing
    """

    code: str
    nodes: str
    count: int
    message: str
    said: str


def of(report: Mapping[str, Any]) -> list[Found]:
    """What a report says went wrong, or stood in the way."""
    alike: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for finding in [*report["refusals"], *report["failures"]]:
        alike.setdefault((finding["code"], _of_any(finding)), []).append(finding)
    return [_found(said, together) for (_, said), together in alike.items()]


def _of_any(finding: Mapping[str, Any]) -> str:
    """What is said of one node, as it is said of any."""
    message = str(finding["message"])
    if len(finding["hosts"]) != 1:
        return message
    return re.sub(rf"(?<![\w.-]){re.escape(finding['hosts'][0])}(?![\w-])", "the node", message)


def _found(said_of_any: str, together: Sequence[Mapping[str, Any]]) -> Found:
    names = {name for finding in together for name in finding["hosts"]}
    message = said_of_any if len(together) > 1 else together[0]["message"]
    first, _, said = message.strip().partition("\n")
    return Found(together[0]["code"], folded(names), len(names), first, dedent(said).strip())
