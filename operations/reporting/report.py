"""What a run does: report.json in its folder, for scripts, and report.html, the page that is made
of it; there are both from the first moment on."""

# pyinfra declares its callbacks as static methods; these are of an object.
# mypy: disable-error-code="override"

import atexit
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from pyinfra import logger
from pyinfra.api import Host, State
from pyinfra.api.state import BaseStateCallback

from ..daos.node_sets import fold
from ..daos.package_managers import LOG
from ..daos.shown import everywhere, visible
from ..machinery import commandline, host_keys, interruption
from ..machinery.output import log
from ..machinery.progress import shown
from ..machinery.run import Run, say
from ..rules import memory, secrets
from ..rules.findings import Finding, grouped
from ..rules.members import short
from ..rules.view import View, names_of
from . import alive, census, earlier, hooked, outcome, people
from .console import Console
from .files import Files
from .hosts import Hosts
from .page import to_merge
from .steps import Steps


class Report(BaseStateCallback):
    """Follows a run through pyinfra's callbacks and keeps its report up to date.

    + left: the cluster after a run that did not get there
    + state: what is to be said of that, line by line
    + next: the lines of that which say what to do now
    """

    def __init__(self, current: Run) -> None:
        self.current = current
        self.began = datetime.now(UTC)
        self.left: View | None = None
        self.state: list[str] = []
        self.next: list[str] = []
        self.steps = Steps()
        self.console = Console(current, self.steps)
        self.ended: datetime | None = None
        self.files = Files(self.began, self.content, self._is_in)
        self.who = people.who()
        self._earlier = earlier.Earlier()
        self._recalled = False
        self._update_began: datetime | None = None

    def begin(self) -> None:
        """The run begins; one that only plans has a report only where something is in its way."""
        if commandline.leads_a_procedure() and not commandline.dry():
            self.files.write()

    def _is_in(self, folder: Path) -> None:
        self.current.folder = folder
        log.begins(folder)

    def operation_start(self, state: State, op_hash: str) -> None:
        """A step begins."""
        self.steps.begin(state, op_hash)
        self.files.write()  # before anybody reads of it, and perhaps ends the run
        self.console.begins(state, op_hash)
        self.files.is_on()

    def operation_host_start(self, state: State, host: Host, op_hash: str) -> None:
        """A step begins on a node."""
        self.steps.host_begins(state, host.name, op_hash)

    def operation_host_success(
        self, state: State, host: Host, op_hash: str, retry_count: int = 0
    ) -> None:
        """A step has ended on a node, and well."""
        self.steps.host_ends(host.name, op_hash)
        self.files.soon()

    def operation_end(self, state: State, op_hash: str) -> None:
        """A step has ended on all nodes; one that the site has put in may have done anything."""
        if op_hash not in self.current.taken:
            self.current.forgets()
        self.steps.end(state)
        self.console.ends()
        self.files.soon()  # the next step begins right now, and that is written at once

    def operation_host_error(
        self, state: State, host: Host, op_hash: str, retry_count: int = 0, max_retries: int = 0
    ) -> None:
        """A step has failed on a node; where the step has not said why, its output has."""
        self.steps.host_ends(host.name, op_hash, failed=True)
        current = self.current
        current.failed_in(op_hash).add(host.name)
        said = any(host.name in finding.hosts for finding in current.failures)
        if not (said or current.refusals or current.interrupted):
            message = f"the step {self.steps.last!r} failed there: see its output"
            current.failures.append(Finding("step-failed", (host.name,), message))

    def operation_host_retry(
        self, state: State, host: Host, op_hash: str, retry_num: int, max_retries: int
    ) -> None:
        """A step is tried again on a node: look again, and forget that it failed there."""
        self.current.tries_again(host, op_hash)

    @property
    def outcome(self) -> str:
        """One of "updated", "rolled back", "nothing to do", "refused", "declined", "failed";
        "complete" of a stage of a migration. As long as the run is on, what it would be if it
        ended now.
        """
        current = self.current
        if current.declined:
            return "declined"
        if current.crashed:
            return "failed"
        if current.refusals or current.failures:
            return "failed" if current.acted else "refused"
        if current.end is None:
            return "failed"
        acted = current.acted or current.procedure.always_acts
        return current.procedure.done if acted else "nothing to do"

    def content(self) -> dict[str, Any]:
        """The report, with the keys that others script against."""
        current = self.current
        target = current.procedure.target
        # A step that fails while DAOS still serves is a reason not to begin, like any other.
        failed = current.acted or current.crashed
        failures = current.failures if failed else []
        refusals = current.refusals + ([] if failed else current.failures)
        self._recall()
        nodes = Hosts(current, self._earlier, self.left)
        hosts = {name: nodes.of(name) for name in names_of(current.start.groups)}
        content = {
            "from_version": earlier.lowest(host["version_before"] for host in hosts.values()),
            "to_version": str(target) if target else None,
            "outcome": self.outcome if self.ended else "running",
            "offline_window_s": current.window.seconds,
            "offline_window": self._window_times(),
            "planned_window_s": current.settings.planned_window_s,
            "whole_system": current.start.opens_window,
            "started": self.began.isoformat(),
            "ended": _iso(self.ended),
            "written": _iso(datetime.now(UTC)),
            "system": current.dmg.name or None,
            "command": commandline.typed(),
            "arguments": secrets.of_command(sys.argv[1:]),
            "typed_by": self.who,
            "process": alive.myself(),
            "running": None if self.ended else self._running(),
            "acted": self._acted,
            "summary": self._summary() if self.ended else None,
            "state": self.state,
            "next": self.next,
            "phases": self.steps.content(current.state),
            "hosts": hosts,
            "ranks": census.ranks(current),
            "pools": census.pools(current),
            "disconnected": current.disconnected,
            "update_began": _iso(self._update_began),
            "earlier_runs": self._earlier.content(),
            "refusals": [finding.as_dict() for finding in refusals],
            "failures": [finding.as_dict() for finding in failures],
            "hooks": current.hooks.content(),
            "left_out": sorted({*current.start.left_out, *self._gone()}),
            **current.procedure.content(current),
        }
        known = secrets.learnt()
        found: dict[str, Any] = everywhere(content, lambda text: _shown(text, known))
        return found

    def _window_times(self) -> dict[str, str | None] | None:
        """When the offline window began and ended; None where that is not (yet) known."""
        known = self.current.window.known
        return {"start": _iso(known[0]), "end": _iso(known[1])} if known else None

    def _recall(self) -> None:
        """What earlier runs of this update knew, once it is known that there is one under way."""
        current = self.current
        self._update_began = self._update_began or earlier.began(current)
        if self._recalled or not current.start.nodes or not current.procedure.target:
            return
        self._recalled = True
        self._earlier = earlier.runs(self.files.folder, str(current.target), self._update_began)

    @property
    def _acted(self) -> bool:
        """Whether the run has stopped, updated or started something, or has done all of it."""
        current = self.current
        ended = self.ended is not None and self.outcome == current.procedure.done
        return current.acted or ended

    def _running(self) -> dict[str, Any]:
        """How far the run is; before the first step all nodes are looked at."""
        before = {"step": None, "number": 0, "of": None, "since": _iso(self.began)}
        return self.steps.under_way(self.current.state) or {**before, "done": [], "left": []}

    def _end_writing(self) -> None:
        self.files.end(self._acted)

    def _tell_the_site(self) -> None:
        """Its own commands get the whole report; what came of them is written down as well."""
        current = self.current
        if hooked.told(current, self.outcome, current.end or self.left):
            self._end_writing()

    def finish(self) -> int:
        """The run is over, in whatever way; a run that only planned leaves no report.

        Returns the exit code: 0 for one that went well, 128 and the signal's number (130 after
        Ctrl-C) for one that was interrupted, 1 for any other.
        """
        shown.ends()
        if not (self.steps or self._ends_early()):
            self.files.forget()
            return 0
        self.steps.end(self.current.state)
        self.console.ends()
        self.ended = datetime.now(UTC)
        self._end_writing()  # whoever has sent a signal may not wait for the last look
        if self.outcome == "failed":
            with shown.telling("looking at all nodes once more"):
                self.left = outcome.look_once_more(self.current)
            self.state = list(outcome.afterwards(self.current, self.left))
            self.next = list(outcome.what_now(self.current, self.left))
            self._end_writing()
        self._tell_the_site()
        self._say_last_words()
        if self.outcome not in ("failed", "refused", "declined"):
            return 0
        return interruption.exit_code() if self._interrupted() else 1

    def _ends_early(self) -> bool:
        current = self.current
        return bool(current.refusals or current.crashed or current.interrupted or current.declined)

    def _say_last_words(self) -> None:
        """What was wrong, how the system is and what to type come last: they are seen there."""
        for line in self._to_do():
            say(line)
        if self.outcome in ("failed", "refused"):
            current = self.current
            said = (*current.failures, *current.refusals) if current.acted else ()
            for line in [self._summary(), *outcome.reason(said)]:
                logger.error(line)
        else:
            say(self._summary())
        for line in self.state:
            say(line)
        for line in self.files.where():
            say(line)

    def _interrupted(self) -> bool:
        current = self.current
        ended = current.end is not None or current.crashed
        return current.interrupted and not (ended or current.failures or current.refusals)

    def _to_do(self) -> Iterator[str]:
        """What somebody has to see to later."""
        for path, names in to_merge(self.content()).items():
            yield f"{path} on {names} has to be read and merged by hand"
        scriptlets = self.current.scriptlets.items()
        failed = grouped((name, script) for name, found in scriptlets for script in found)
        for script, on in failed.items():
            yield f"{script} failed on {fold(on)}, see {LOG} there; it is installed"
        left_out = self.current.start.left_out
        if left_out:
            yield f"left out: {fold(left_out)}; the same command takes them in later"
        for name, problem in host_keys.strangers(self.current.state, left_out).items():
            yield f"{name} was left out for its host key: {problem}"
        if gone := self._gone():
            yield (
                f"not in `inventory` any more: {fold(gone)}. What this update has disabled there "
                "stays so: add them again, and the same command takes them in"
            )

    def _gone(self) -> list[str]:
        """The nodes that were taken out of the inventory while the update was under way."""
        start = self.current.start
        given_up = set(map(short, self.current.settings.given_up_servers))
        return [name for name in memory.gone(start, start.left_out) if short(name) not in given_up]

    def _summary(self) -> str:
        how = "interrupted" if self._interrupted() else self.outcome
        return outcome.summary(self.current, how, *self.steps.failed())


def follow(current: Run) -> None:
    """Keep a report of this run, to its end also when it is interrupted."""
    report = Report(current)
    current.hooks.report = report.files.on_disk
    current.state.add_callback_handler(report)
    atexit.register(_exit, report)
    report.begin()


def _exit(report: Report) -> None:
    """However the run ended, the exit code says so: a script would take 0 for an update."""
    interruption.ending()
    try:
        code = report.finish() or interruption.exit_code()
    except Exception as problem:  # Python would end with 0
        logger.error(f"--> What came of the run could not be told: {problem!r}")
        code = 1
    if code:
        with suppress(OSError):  # the terminal may be gone
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


@lru_cache(maxsize=1 << 16)  # nodes are named in each step, and all of it in each report
def _shown(text: str, known: int) -> str:
    """A text as it is shown, while so many passwords are known."""
    return visible(secrets.masked(text))


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
