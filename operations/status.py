"""How far the run in this folder is, for a second person: `make status`."""

import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from .daos.shown import visible
from .reporting import alive, folder, history, page
from .reporting.timeline import duration

_MOST = 20  # runs that are looked through for one that is on


def main() -> int:
    """Print it; the exit code is 1 where a run has vanished, or there is none."""
    found = _to_tell()
    if not found:
        print("no run of this folder has a report yet: look where the command is typed")
        return 1
    path, report = found
    for line in lines(report):
        print(visible(line))
    print(f"report: {path / folder.REPORT}, and {folder.PAGE} for people")
    return int(_vanished(report))


def _to_tell() -> tuple[Any, dict[str, Any]] | None:
    """The run that is on, else the newest one that says anything."""
    newest = islice(folder.all_runs(), _MOST)
    all_runs = [(path, report) for path in newest if (report := folder.read(path))]
    on = (found for found in all_runs if folder.is_on(found[1]))
    return next(on, next(iter(all_runs), None))


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """What there is to be said of a run, line by line."""
    way = f"DAOS {report.get('from_version') or 'not known'} -> {report.get('to_version')}"
    if report["outcome"] != "running":
        yield f"{way}: {page.outcome_of(report)}, {_ago(report.get('ended') or report['started'])}"
        yield from filter(None, [report.get("summary"), *report.get("state", ())])
        return
    yield f"{way}: {_who(report)}, begun {_ago(report['started'])}"
    yield from page.under_way(report)
    window = report.get("offline_window")
    if window and window["start"]:
        yield f"Parts of DAOS are stopped: {' '.join(page.offline(report, history.read(report)))}"
    yield from _warned(report)


def _vanished(report: Mapping[str, Any]) -> bool:
    return report["outcome"] == "running" and not folder.is_on(report)


def _who(report: Mapping[str, Any]) -> str:
    process = report["process"]
    if _vanished(report):
        return f"NOT running any more (process {process['pid']} is gone)"
    return f"running, process {process['pid']} on {process['host']}"


def _warned(report: Mapping[str, Any]) -> Iterator[str]:
    """What keeps what was said from being the whole truth."""
    said = f"Its last word was {_ago(report['written'])}"
    if _vanished(report):
        yield (
            f"{said}; it was ended from outside, and in what state it has left the system is not "
            "known. The same command goes on from there, and with --dry it shows first what is "
            f"left to do: {report.get('command') or 'pyinfra inventory deploy.py'}"
        )
    elif alive.state(report["process"]) == alive.ELSEWHERE:
        yield (
            f"{said}. Whether it is still there can only be seen on {report['process']['host']}: "
            "`make status` there"
        )


def _ago(time: str) -> str:
    """A time, and how long ago that was."""
    when = history.time(time)
    return f"at {when:%H:%M:%S} UTC, {duration((datetime.now(UTC) - when).total_seconds())} ago"


if __name__ == "__main__":
    sys.exit(main())
