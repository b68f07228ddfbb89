"""What a run did, for scripts: runs/latest/report.json, rewritten after every step."""

from __future__ import annotations

import atexit
import json
import logging
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyinfra import logger
from pyinfra.api import Host, State
from pyinfra.api.state import BaseStateCallback

from . import cluster
from .cluster import View
from .findings import Finding, fold
from .nodes import AGENT, Node
from .run import Run, say
from .step import Command, step

RUNS = Path("runs")
LATEST = RUNS / "latest" / "report.json"


class Report(BaseStateCallback):
    """Follows a run through pyinfra's callbacks and keeps its report up to date.

    + after: the cluster as it was seen last; None until the last step looked at it
    """

    def __init__(self, current: Run) -> None:
        self.current = current
        self.began = datetime.now(UTC)
        self.after: View | None = None
        self.phases: list[dict[str, Any]] = []
        self._folder: Path | None = None

    def operation_start(self, state: State, op_hash: str) -> None:  # type: ignore[override]
        """A step begins."""
        names = state.get_op_meta(op_hash).names
        self.phases.append({"name": ", ".join(names), "start": _now(), "hash": op_hash})
        self.write()

    def operation_end(self, state: State, op_hash: str) -> None:  # type: ignore[override]
        """A step has ended on all nodes."""
        self._close_phase()
        self.write()

    def operation_host_error(  # type: ignore[override]
        self, state: State, host: Host, op_hash: str, retry_count: int = 0, max_retries: int = 0
    ) -> None:
        """A step has failed on a node; where the step has not said why, its output has."""
        current = self.current
        known = [*current.failures, *current.refusals]
        if not current.refusals and not any(host.name in finding.hosts for finding in known):
            message = f"the step {self.phases[-1]['name']!r} failed there: see its output"
            current.failures.append(Finding("step-failed", (host.name,), message))

    def operation_host_retry(  # type: ignore[override]
        self, state: State, host: Host, op_hash: str, retry_num: int, max_retries: int
    ) -> None:
        """A step is tried again on a node: look again, and forget that it failed there."""
        self.current.failures = [f for f in self.current.failures if f.hosts != (host.name,)]
        self.current.shared.forget()

    def _close_phase(self) -> None:
        if not self.phases or "end" in self.phases[-1]:
            return
        phase = self.phases[-1]
        done = {
            host.name: operations[phase["hash"]].operation_meta
            for host, operations in self.current.state.ops.items()
            if phase["hash"] in operations
        }
        ran = {name: meta for name, meta in done.items() if meta.is_complete()}
        phase["hosts"] = sorted(name for name, meta in ran.items() if meta.executed)
        phase["changed"] = sorted(name for name, meta in ran.items() if meta.did_change())
        phase["end"] = _now()

    @property
    def outcome(self) -> str:
        """One of "updated", "nothing to do", "refused", "failed"."""
        current = self.current
        if current.refusals or current.failures:
            return "failed" if current.acted else "refused"
        if self.after is None:
            return "failed"
        return "updated" if current.acted else "nothing to do"

    def content(self) -> dict[str, Any]:
        """The report, with the keys that others script against."""
        current = self.current
        # A step that fails while DAOS still serves is a reason not to begin, like any other.
        failures = current.failures if current.acted else []
        refusals = current.refusals + ([] if current.acted else current.failures)
        return {
            "from_version": _lowest(current.start),
            "to_version": str(current.settings.target) if hasattr(current, "settings") else None,
            "outcome": self.outcome,
            "offline_window_s": self._window(),
            "started": self.began.isoformat(),
            "phases": [
                {key: phase.get(key) for key in ("name", "start", "end", "hosts", "changed")}
                for phase in self.phases
            ],
            "hosts": {name: self._host(name) for name in self._names()},
            "refusals": [finding.as_dict() for finding in refusals],
            "failures": [finding.as_dict() for finding in failures],
        }

    def _window(self) -> float | None:
        first, last = self.current.first_stop, self.current.last_start
        return round((last - first).total_seconds(), 3) if first and last else None

    def _names(self) -> list[str]:
        return list(
            dict.fromkeys(n for role in cluster.ROLES for n in self.current.start.groups[role])
        )

    def _host(self, name: str) -> dict[str, Any]:
        return {
            "roles": self.current.start.roles(name),
            "version_before": _version(self.current.start, name),
            "version_after": _version(self.after, name) if self.after else None,
            "rpmnew": self.current.rpmnew.get(name, []),
        }

    def write(self) -> None:
        """Write the report into the folder of this run, and point runs/latest to it.

        That it cannot be written (a full disk) is no reason to leave DAOS stopped.
        """
        try:
            self._write()
        except OSError as problem:
            logger.warning(f"the report could not be written: {problem}")

    def _write(self) -> None:
        if self._folder is None:
            self._folder = _new_folder(self.began)
        path = self._folder / "report.json"
        draft = path.with_suffix(".tmp")
        draft.write_text(json.dumps(self.content(), indent=2) + "\n")
        draft.replace(path)

    def finish(self) -> None:
        """The run is over, in whatever way; a run that only planned leaves no report."""
        if not self.phases and not self.current.refusals:
            return
        self._close_phase()
        self.write()
        say(self._last_words())
        for path, names in sorted(self._to_merge().items()):
            say(f"{path} on {fold(names)} has to be read and merged by hand")
        say(f"report: {self._folder}/report.json")
        if self._interrupted():
            # pyinfra exits with 0 after Ctrl-C, and a script would take that for an update.
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(130)

    def _interrupted(self) -> bool:
        current = self.current
        return self.after is None and not current.failures and not current.refusals

    def _to_merge(self) -> dict[str, list[str]]:
        """The .rpmnew files, each with the nodes that have it."""
        files: dict[str, list[str]] = {}
        for name, paths in self.current.rpmnew.items():
            for path in paths:
                files.setdefault(path, []).append(name)
        return files

    def _last_words(self) -> str:
        target = self.content()["to_version"]
        if self.outcome == "updated" and not self.current.opens_window:
            return f"Every node is at {target}, and what was stopped has been started"
        if self.outcome == "updated":
            return f"Updated from {_lowest(self.current.start)} to {target}{self._offline_for()}"
        if self.outcome == "nothing to do":
            return f"Every node is at {target} and serves: nothing was stopped, nothing was changed"
        if self.outcome == "refused":
            found = self.current.start.nodes and self.current.found_stopped
            return "Refused: this run stopped nothing" + (
                ". DAOS is stopped, as it was found" if found else ""
            )
        return f"{self._what_ended_it()}. {self._what_is_left()}"

    def _offline_for(self) -> str:
        window = self._window()
        if window is None:
            return ". DAOS was stopped already when this run began" if self._resumed() else ""
        before = ", and stopped already when it began" if self._resumed() else ""
        return f", offline for {window:.1f} s{before}"

    def _resumed(self) -> bool:
        return self.current.opens_window and self.current.found_stopped

    def _what_ended_it(self) -> str:
        step = self.phases[-1]["name"]
        return f"{'Interrupted' if self._interrupted() else 'Failed'} at the step {step!r}"

    def _what_is_left(self) -> str:
        since = self.current.first_stop
        stopped = f"Parts of DAOS are stopped since {since:%H:%M:%S} UTC. " if since else ""
        return (
            f"No later step was taken on any node. {stopped}Mend what is named above, if anything "
            "is, then type the same command again: it looks at every node and goes on from there"
        )


def follow(current: Run) -> None:
    """Keep a report of this run, to its end also when it is interrupted."""
    report = Report(current)
    current.report = report
    current.state.add_callback_handler(report)
    atexit.register(report.finish)


def _when_run(current: Run, name: str, node: Node) -> bool:
    return not current.planning


@step(*cluster.ROLES, need=_when_run, prepares=True)
def completed(current: Run, here: Host) -> Iterator[Command]:
    """Look at every node once more, for the report; the run is complete only with this."""
    view = current.report.after = current.look()
    left = [name for name, node in view.of("clients").items() if not node.runs(AGENT)]
    if left and here.name == left[0]:
        say(f"daos_agent does not run on {fold(left)}: it is not enabled there")
    yield from ()


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _version(view: View, name: str) -> str | None:
    node = view.nodes.get(name)
    return str(node.version) if node and node.version else None


def _lowest(view: View) -> str | None:
    versions = [node.version for node in view.of(*cluster.ROLES).values() if node.version]
    return str(min(versions)) if versions else None


def _new_folder(began: datetime) -> Path:
    """A folder named by the UTC start of the run, and runs/latest pointing to it."""
    RUNS.mkdir(exist_ok=True)
    stamp = began.strftime("%Y-%m-%dT%H-%M-%SZ")
    for name in (stamp, *(f"{stamp}-{number}" for number in range(2, 100))):
        try:
            (RUNS / name).mkdir()
        except FileExistsError:
            continue
        break
    link = RUNS / f".latest-{name}"
    link.symlink_to(name)
    link.replace(RUNS / "latest")
    return RUNS / name
