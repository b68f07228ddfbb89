"""The report page: made of any report that a run can write, whole in itself, nothing unescaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from operations.reporting import found, history
from operations.reporting.page import page

from .made_reports import ALL, FAILED, UPDATED, failed, refused, running, updated

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


def test_the_page_tells_where_the_window_went_step_by_step() -> None:
    course = history.read(UPDATED)
    shares = {step.name: course.share(step) for step in course.steps}
    inside = {name: part for name, part in shares.items() if part}
    assert "Update the DAOS packages on all nodes" in inside
    assert "Download and check the packages of the target release" not in inside
    assert 0.9 < sum(inside.values()) <= 1
    text = words(UPDATED)
    assert "Of the window" in text
    assert all(f"{part:.0%}" in text for part in inside.values())
    assert "Of the window" not in words(FAILED)


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


def test_a_run_that_is_on_looks_again_by_itself_and_no_other_does() -> None:
    for name, make in ALL.items():
        assert ('http-equiv="refresh"' in page(make())) == (name == "running"), name


def test_a_run_that_is_on_tells_the_step_and_how_far_it_is() -> None:
    text = words(running())
    assert "Running offline since 20:00:39 UTC Step 10 of 17: Update the DAOS packages" in text
    assert "3 of 8 nodes done; left: daos-admin-01,daos-client-[01-03],daos-server-04" in text


def test_reason_state_and_what_to_type_come_right_below_the_outcome() -> None:
    text = words(failed())
    places = ("Failed", "What went wrong", "As it is now", "What to do now", "Started", "Timeline")
    found = [text.index(place) for place in places]
    assert found == sorted(found)
    assert text.count("To go on, mend what is named above") == 1


def test_a_refusal_does_not_say_the_same_twice() -> None:
    text = words(refused())
    _, title, page = text.lower().split("refused", 2)
    assert "this run stopped nothing" in title  # and the heading, which says the same
    assert page.count("this run stopped nothing") == 1
    stopped = {**refused(), "summary": "Refused: this run stopped nothing. DAOS is stopped"}
    assert "DAOS is stopped." in words(stopped)


def test_who_has_declined_is_told_once_that_nothing_was_touched() -> None:
    summary = "Declined: nothing was touched"
    declined = {**refused(), "outcome": "declined", "refusals": [], "summary": summary}
    text = words(declined)
    assert "Declined this run stopped nothing" in text
    assert "nothing was touched" not in text


def test_what_is_said_of_many_nodes_alike_is_said_once() -> None:
    text = words(refused())
    assert text.count("there are only 100 MiB") == 1
    assert "not known" not in text  # of what nobody has looked at there is no column
    assert "no-space c[000-029] 30 nodes" in text
    text = words(failed(30))
    assert text.count("the package transaction failed") == 1
    assert "daos-server-[02-31] 30 nodes" in text


def test_a_message_that_names_its_own_node_is_the_same_message() -> None:
    named = [
        {"code": "step-failed", "hosts": [name], "message": f"{name} is not well"}
        for name in ("c1", "c2")
    ]
    [finding] = found.of({"refusals": [], "failures": named})
    assert (finding.nodes, finding.message) == ("c[1-2]", "the node is not well")


def test_more_than_a_few_reasons_do_not_hide_what_to_type() -> None:
    many = [{"code": "step-failed", "hosts": [], "message": f"reason {n}"} for n in range(9)]
    text = words({**failed(), "failures": many})
    assert text.index("reason 4") < text.index("What to do now") < text.index("reason 5")
    assert "And 4 more, below." in text


def test_the_morning_after() -> None:
    text = " ".join(" ".join(read_with_links(updated())).split())
    assert "System daos_server" in text
    assert "Typed by root (alice) on daos-admin-01.site.example, from 192.0.2.7" in text
    assert "Window announced 1 h 00 min" in text
    assert "daos-server-[01-04] 8 Joined Joined" in text
    assert "scratch 400 TB 32 32 3, then 2" in text
    assert "dfuse mounted at /mnt/home (pid 4711, user bob" in text
    assert "Interrupted at the step 'Fetch'" in text


def read_with_links(report: dict[str, Any]) -> list[str]:
    """The text of a page that leads to earlier runs beside it, and nowhere else."""
    reader = Reader()
    reader.feed(page(report))
    assert reader.links == ["../2026-11-22T19-40-00Z/report.html"]
    return reader.text


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


def test_the_site_s_own_commands_are_told_with_what_they_said() -> None:
    found = words({**updated(), "earlier_runs": []})
    assert "closed docs/hooks/chat-webhook exit code 1, after" in found
    assert "the chat was not told: URLError" in found
    assert "Commands of this site" not in words(failed())
