"""What earlier runs of the same update knew: as the nodes tell it, and else as their reports do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pyinfra.api import Host

from ..daos.node import AGENT, Node
from ..daos.releases import Version
from ..machinery import hosts
from ..machinery.run import Run
from ..rules.start import Start
from . import folder

_FINISHED = ("updated", "rolled back", "complete", "nothing to do")
_SLACK = timedelta(minutes=5)  # how far two clocks may be apart


@dataclass(frozen=True)
class Earlier:
    """The reports of earlier runs of the same update that this folder has, the first one first.

    Another coordinator may have others: what nodes tell counts more.
    """

    reports: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.reports)

    def of_node(self, name: str, key: str) -> Any:
        """What the first of them that says something says of a node; None where none does."""
        found = (report.get("hosts", {}).get(name, {}).get(key) for report in self.reports.values())
        return next(filter(None, found), None)

    def content(self) -> list[dict[str, Any]]:
        """They as they stand in report.json."""
        return [{"run": name, **_told(report)} for name, report in self.reports.items()]


def runs(me: Path | None, target: str, began: datetime | None) -> Earlier:
    """The earlier runs of an update, in the folder where this one is typed.

    + me: the folder of this run
    + target: the release that it leads to
    + began: when the update began, as its nodes remember; None where they do not
    """
    found: dict[str, Mapping[str, Any]] = {}
    for path in folder.all_runs():
        report = folder.read(path)
        if (me and path.name >= me.name) or not report:
            continue
        if report["outcome"] in _FINISHED or not _same(report, target, began):
            break
        if folder.has_acted(report):
            found[path.name] = report
    return Earlier(dict(reversed(found.items())))


def _told(report: Mapping[str, Any]) -> dict[str, Any]:
    """How an earlier run ended; one that says that it is on was killed."""
    outcome = "killed" if report["outcome"] == "running" else report["outcome"]
    ended = report.get("ended") or report.get("written")
    summary = report.get("summary")
    return {"started": report["started"], "ended": ended, "outcome": outcome, "summary": summary}


def _same(report: Mapping[str, Any], target: str, began: datetime | None) -> bool:
    """Whether a run was of this update, be it one that led back from it."""
    if began is not None and report.get("update_began") == began.isoformat():
        return True
    last = report.get("ended") or report.get("written") or report["started"]
    over = began is not None and datetime.fromisoformat(last) < began - _SLACK
    return report.get("to_version") == target and not over


def began(current: Run) -> datetime | None:
    """When the update that is under way began, as its nodes remember; None where none does."""
    views = (current.start, current.end or current.seen)
    return min((record.began for view in views for record in view.records), default=None)


def remembered(start: Start, name: str) -> str | None:
    """The release that a node had before this update, as it remembers; None where it does not."""
    node = start.nodes.get(name)
    try:
        return str(Version.parse(node.record.release).level) if node and node.record else None
    except ValueError:
        return None  # it had none that was known


def lowest(versions: Iterator[str | None]) -> str | None:
    """The lowest of these releases; None where none is known."""
    known = [Version.parse(version) for version in versions if version]
    return str(min(known)) if known else None


def learn_window(current: Run) -> None:
    """When an earlier run of this update has closed the window, where all serves again already.

    Its agents say it: each knows how long it has run. Where one does not, nobody knows.
    """
    start, record = current.start, current.start.record
    if not record or current.window.is_open or current.procedure.back:
        return
    names = start.where(lambda node: node.record and AGENT in node.record.running)
    ages = hosts.at_once([current.host(name) for name in names], lambda it: _age(current, it))
    known = [age for age in ages.values() if age is not None]
    if not known or len(known) < len(names):
        return
    last = datetime.now(UTC) - timedelta(seconds=min(known))
    if last > record.began:  # else nothing was stopped
        current.window.before = (record.began, last)


def _age(current: Run, host: Host) -> float | None:
    """How long the agent of a node has run, in seconds."""
    node: Node = current.start.node(host.name)
    _, uptime, _ = current.command(host, "cat /proc/uptime", timeout=20)
    try:
        age = float(uptime.split()[0]) - node.services[AGENT].started
    except (LookupError, ValueError):
        return None
    return age if node.serves(AGENT) and age >= 0 else None
