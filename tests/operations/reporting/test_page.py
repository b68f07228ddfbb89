"""The report page: made of any report that a run can write, whole in itself, nothing unescaped."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from operations.reporting.page import page

REPORTS = Path(__file__).parents[2] / "data" / "reports"
UPDATED: dict[str, Any] = json.loads((REPORTS / "updated.json").read_text())
FAILED: dict[str, Any] = json.loads((REPORTS / "failed.json").read_text())

_VOID = {"meta", "wbr", "br", "hr", "img", "link", "input"}


class Reader(HTMLParser):
    """Reads a page: its text, and whether every element ends where it should."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.links += [v or "" for k, v in attrs if k in ("src", "href", "action", "xlink:href")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(report: dict[str, Any]) -> Reader:
    reader = Reader()
    text = page(report)
    reader.feed(text)
    reader.close()
    assert reader.open == []
    assert reader.links == []
    assert not re.search(r"url\((?!#)|@import|https?://", text), "something is loaded"
    assert "script" not in reader.seen
    return reader


def words(report: dict[str, Any]) -> str:
    return " ".join(" ".join(read(report).text).split())


def test_outcome_and_window_come_first() -> None:
    text = words(UPDATED)
    heading = f"Updated offline for {UPDATED['offline_window_s']:.1f} s"
    assert 0 <= text.index(heading) < text.index("2.0.1 → 2.0.3") < text.index("Timeline")


def test_every_node_and_step_is_there() -> None:
    text = words(UPDATED)
    for name, host in UPDATED["hosts"].items():
        assert name in text
        for path in host["rpmnew"]:
            assert path in text
    for phase in UPDATED["phases"]:
        if phase["hosts"]:
            assert phase["name"] in text


def test_a_failed_run_tells_what_went_wrong_and_in_what_state_it_left_the_system() -> None:
    text = words(FAILED)
    assert "Failed offline since" in text
    assert "the package transaction failed" in text
    assert "Error in PREIN scriptlet" in text
    assert "DAOS is stopped: no engine runs" in text
    assert "deploys/rollback.py" in text


def test_a_run_that_was_refused_before_any_step_has_a_page() -> None:
    finding = {"code": "no-answer", "hosts": ["a<b>", "c"], "message": 'say `<x>` & "y"\n  $ z'}
    refused = {
        **UPDATED,
        "outcome": "refused",
        "from_version": None,
        "offline_window_s": None,
        "offline_window": None,
        "phases": [],
        "hosts": {},
        "refusals": [finding],
    }
    text = words(refused)
    assert "Refused this run stopped nothing" in text
    assert 'say `<x>` & "y"' in text
    assert "Timeline" not in text


def test_a_thousand_nodes_share_rows() -> None:
    names = [f"client-{number:04}" for number in range(1000)]
    one = next(iter(UPDATED["hosts"].values()))
    hosts = {name: {**one, "roles": ["clients"], "rpmnew": []} for name in names}
    phases = [
        {
            **phase,
            "hosts": names,
            "changed": names,
            "failed": [],
            "seconds": {name: [0.0, 1.0] for name in names},
        }
        for phase in UPDATED["phases"][:3]
    ]
    text = page({**UPDATED, "hosts": hosts, "phases": phases})
    assert "client-[0000-0999]" in text
    assert len(text) < 100_000


texts = st.text(min_size=1, max_size=20)
findings = st.lists(
    st.fixed_dictionaries(
        {
            "code": texts,
            "hosts": st.lists(st.sampled_from(list(UPDATED["hosts"]))),
            "message": texts,
        }
    ),
    max_size=3,
)


@settings(deadline=None, max_examples=50)
@given(
    st.sampled_from([UPDATED, FAILED]),
    st.sampled_from(["updated", "rolled back", "nothing to do", "refused", "failed"]),
    st.integers(0, 20),
    findings,
    findings,
    st.none() | st.floats(0, 1e6),
    st.booleans(),
    st.lists(texts, max_size=3),
)
def test_any_report_has_a_page(
    report: dict[str, Any],
    outcome: str,
    steps: int,
    refusals: list[dict[str, Any]],
    failures: list[dict[str, Any]],
    window: float | None,
    ended: bool,
    state: list[str],
) -> None:
    """Also one that is cut off in the middle of any step."""
    phases = report["phases"][:steps]
    if phases and not ended:
        phases = [*phases[:-1], {**phases[-1], "end": None}]
    changed = {
        "outcome": outcome,
        "phases": phases,
        "refusals": refusals,
        "failures": failures,
        "offline_window_s": window,
        "ended": report["ended"] if ended else None,
        "state": state,
    }
    read({**report, **changed})
