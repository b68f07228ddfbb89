"""The report as a page for people: report.html, made of what stands in report.json alone."""

import re
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from ..rules.findings import grouped
from ..rules.view import ROLES
from . import found, history, morning, timeline
from .history import History, Wait
from .timeline import duration, folded

_FINDINGS = 5  # at most, before what the system is and what to type; the others follow
_REFRESH = 5  # seconds after which a browser looks again at a run that is on

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class NodeLine:
    """A line of the table of nodes: one node, or nodes of which the same is to be said."""

    names: str
    count: int
    roles: str
    before: str
    after: str
    rpmnew: Sequence[str]
    waited: str
    longest: str


@cache
def template() -> Template:
    """The template of a page; to read it takes longer than to make ten pages."""
    _templates.get_template("page.css")  # it is within the other one
    return _templates.get_template("page.html.j2")


def page(report: Mapping[str, Any]) -> str:
    """The page of a report: whole in itself, without a script, nothing loaded from anywhere.

    + report: the content of report.json; one of an earlier release of this program will do
    """
    course = history.read(report)
    roles = _by_role(report)
    outcome = outcome_of(report)
    to_do = report.get("next") or []
    return template().render(
        outcome=outcome,
        how=outcome.capitalize(),
        refresh=_REFRESH if outcome == "running" else None,
        under_way=under_way(report),
        offline=offline(report, course),
        before=report["from_version"] or "not known",
        target=report["to_version"] or "not known",
        summary=_summary(report, outcome),
        started=history.time(report["started"]),
        written=history.time(report.get("written") or report["started"]),
        took=_took(report),
        nodes=_nodes(roles),
        findings=found.of(report),
        most=_FINDINGS,
        to_merge=to_merge(report),
        left_out=folded(report.get("left_out") or []),
        state=[line for line in report.get("state") or [] if line not in to_do],
        now=list(map(_typed, to_do)),
        morning=morning.of(report),
        hooks=report.get("hooks") or [],
        pieces=_pieces,
        course=course,
        picture=timeline.draw(course, roles) if course.steps else None,
        size=timeline,
        lines=_lines(report, course, fold=len(report["hosts"]) > timeline.MOST_ROWS),
        looked_after=any(host["version_after"] for host in report["hosts"].values()),
        shares=_shares(course),
        duration=duration,
        folded=folded,
        changed=lambda step: _all_or_folded(step.changed, len(report["hosts"])),
    )


def outcome_of(report: Mapping[str, Any]) -> str:
    """The outcome; a run that failed without a failure was interrupted."""
    outcome = str(report["outcome"])
    found = report["refusals"] or report["failures"]
    return "interrupted" if outcome == "failed" and not found else outcome


def offline(report: Mapping[str, Any], course: History) -> tuple[str, str]:
    """What is to be said of the offline window: words, and how long or since when."""
    seconds = report.get("offline_window_s")
    window = report.get("offline_window")
    what = "offline" if report.get("whole_system", True) else "some clients offline"
    ended = course.window is None or course.window[1] is not None
    if seconds is not None and ended:
        return f"{what} for", duration(seconds)
    if window and not window["start"]:
        return what, "for an unknown time"
    if window and report["outcome"] in ("failed", "running"):
        return f"{what} since", f"{history.time(window['start']):%H:%M:%S} UTC"
    if report["outcome"] == "running":
        return "", ""
    return ("", "") if report["outcome"] == "updated" else ("this run stopped", "nothing")


def _summary(report: Mapping[str, Any], outcome: str) -> str:
    """How the run ended, in a sentence, without what the heading says already."""
    summary = str(report.get("summary") or "")
    if outcome in ("updated", "nothing to do", "declined"):
        return ""
    return summary.removeprefix("Refused: this run stopped nothing").removeprefix(". ")


def _typed(line: str) -> tuple[str, str]:
    """What is to be done, and the command for it; "" for none."""
    words, colon, command = line.rpartition("type: ")
    return (words + colon.rstrip(), command) if colon else (line, "")


def under_way(report: Mapping[str, Any]) -> list[str]:
    """How far a run is that is on, in lines for a person; none where it is over."""
    running = report.get("running")
    if not running:
        return []
    since = f"since {history.time(running['since']):%H:%M:%S} UTC"
    if not running["step"]:
        return [f"Before the first step, {since}: nothing is touched yet"]
    place = f"Step {running['number']} of {running['of']}"
    done, left = len(running["done"]), running["left"]
    lines = [f"{place}: {running['step']}, {since}"]
    if done or left:
        of = f"{done} of {done + len(left)} nodes done"
        lines.append(f"{of}; left: {folded(left)}" if left else of)
    return lines


def _took(report: Mapping[str, Any]) -> str:
    if not report.get("ended"):
        return ""
    whole = history.time(report["ended"]) - history.time(report["started"])
    return duration(whole.total_seconds())


def _shares(course: History) -> dict[int, str]:
    """Where the offline window went: its parts by the numbers of steps; empty without a window."""
    shares = {step.number: course.share(step) for step in course.steps}
    if not any(shares.values()):
        return {}
    return {number: "" if part is None else f"{part:.0%}" for number, part in shares.items()}


def _by_role(report: Mapping[str, Any]) -> dict[str, list[str]]:
    """Role to its nodes; a node that has several roles stands under the first of them."""
    roles: dict[str, list[str]] = {role: [] for role in ROLES}
    for name, host in report["hosts"].items():
        roles.setdefault(next(iter(host["roles"]), "others"), []).append(name)
    return roles


def _nodes(roles: Mapping[str, Sequence[str]]) -> str:
    """How many nodes there are, in words: "8: 4 servers, 1 admin, 3 clients"."""
    counts = [
        f"{len(names)} {role.removesuffix('s') if len(names) == 1 else role}"
        for role, names in roles.items()
        if names
    ]
    return f"{sum(map(len, roles.values()))}: {', '.join(counts)}" if counts else "none"


def _all_or_folded(names: Collection[str], count: int) -> str:
    """Names as a folded node set, in short where they are all `count` nodes; a dash for none."""
    if count > 1 and len(names) == count:
        return f"all {count} nodes"
    return folded(names) or "\N{EN DASH}"


def _pieces(names: str) -> list[str]:
    """The parts of a folded node set, between which a line may break."""
    return re.split(r",(?![^\[]*\])", names)


def to_merge(report: Mapping[str, Any]) -> dict[str, str]:
    """The configuration files that somebody has to merge, each with its nodes."""
    hosts = report["hosts"].items()
    files = grouped((name, path) for name, host in hosts for path in host["rpmnew"])
    return {path: folded(names) for path, names in sorted(files.items())}


def _lines(report: Mapping[str, Any], course: History, fold: bool) -> Iterable[NodeLine]:
    """The table of nodes.

    + fold: nodes of which the same is to be said share a line
    """

    def same(host: Mapping[str, Any]) -> Hashable:
        return (*host["roles"], host["version_before"], host["version_after"], *host["rpmnew"])

    hosts = report["hosts"].items()
    for names in grouped((name, same(host) if fold else name) for name, host in hosts).values():
        host = report["hosts"][names[0]]
        waits = [course.waits[name] for name in names if name in course.waits]
        yield NodeLine(
            names=folded(names),
            count=len(names),
            roles=", ".join(role.removesuffix("s") for role in host["roles"]),
            before=host["version_before"] or "not known",
            after=host["version_after"] or "not known",
            rpmnew=host["rpmnew"],
            waited=_waited(waits),
            longest=_longest(waits),
        )


def _waited(waits: Sequence[Wait]) -> str:
    """How long in all; from the shortest to the longest where there are several nodes."""
    if not waits:
        return "-"
    least, most = (duration(pick(wait.total for wait in waits)) for pick in (min, max))
    return most if least == most else f"{least} to {most}"


def _longest(waits: Sequence[Wait]) -> str:
    """For whom a node waited longest, and in which step."""
    if not waits:
        return ""
    wait = max(waits, key=lambda wait: wait.longest)
    return f"{duration(wait.longest)} for {wait.step.slowest} in step {wait.step.number}"
