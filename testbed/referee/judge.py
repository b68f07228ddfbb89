"""The judgement of a whole history."""

from collections.abc import Mapping, Sequence
from typing import Any

from testbed.referee.history import typed
from testbed.referee.observer import Observer
from testbed.referee.rules import RULES
from testbed.referee.verdict import Verdict


def judge(events: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    """Judge the events of a lab, in any order, by all rules. Raises Unreadable."""
    history = typed(events)
    seen = Observer(history)
    rules = [rule() for rule in RULES]
    for event in history:
        for rule in rules:
            rule.see(event, seen)
        seen.apply(event)
    return [rule.verdict() for rule in rules]
