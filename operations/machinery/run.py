"""One run of a procedure: what the site decided, what was found at its start, what steps share."""

import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar
from weakref import WeakKeyDictionary

from pyinfra import logger
from pyinfra.api import Host, State
from pyinfra.api.exceptions import DeployError
from pyinfra.context import ctx_host

from ..daos.node import Node
from ..daos.node_sets import fold
from ..daos.releases import Version
from ..daos.units import Units
from ..rules.findings import Finding, folded
from ..rules.start import Start
from ..rules.view import View
from . import hosts, interruption, progress
from .dependencies import Dependency
from .hooks import Hooks
from .looks import Looks, Seen
from .output import QUIETLY
from .procedure import Procedure
from .progress import shown
from .session import DmgSession
from .settings import Settings
from .shared import AS_LONG, FRESH, Shared
from .window import OfflineWindow

T = TypeVar("T")
AnyRun = TypeVar("AnyRun", bound="Run")

_PAUSES = (0.1, 2.0)  # seconds between two looks, at least and at most
_LATER = 0.1  # as a share of what was waited: who looks later by that notices it later by that


class Run:
    """One run of a procedure over one inventory.

    + procedure: what kind of run it is, and where it leads
    + settings: what the site decided
    + start: the cluster as it was found before anything was touched
    + seen: the cluster as it was looked at last
    + asked: the cluster that a step judges whether a node needs it: as it was found for a plan, and
      as it is right now when the step runs
    + end: the cluster as the last step saw it; None until then
    + dmg: the session with dmg on the admin node
    + window: the offline window
    + hooks: the site's own commands at certain moments
    + alone: whether the lock is still held that keeps other runs away
    + refusals: the findings for which the run refused to go on
    + concerned: the nodes that need the present step, as far as that is known
    + failures: the steps that were tried on a node and failed
    + failed: the nodes where a step has failed, by pyinfra's hash of that step
    + steps: the steps of the procedure in its order, by the names of their functions
    + openers: those of them with which the offline window may begin
    + taken: those that were taken, as pyinfra knows them; no other is of the procedure
    + crashed: whether an examination or a step ended in an exception that nothing has foreseen
    + declined: whether somebody was asked whether to go on, and said no
    + acted: whether a step has stopped, updated or started something
    + keys: node name to the ids of the keys that sign the packages of the target's repository
    + dependencies: node name to what it gets beside DAOS in the same transaction
    + folder: where the report of this run is; None as long as there is none
    + containers: pool by UUID to how many containers it had before, and how many it has afterwards,
      as far as that was counted
    + disconnected: node name to who used DAOS there and was disconnected for this update
    + rpmnew: node name to the configuration files that the update left to be merged
    + scriptlets: node name to what failed of its packages' own scripts: "%post(daos-2.0.3-1.el8)"
    """

    def __init__(self, state: State, procedure: Procedure, settings: Settings) -> None:
        self.state = state
        self.procedure = procedure
        self.settings = settings
        self.start = Start(hosts.groups(state), target=procedure.target)
        self.seen: View = self.start
        self.asked: View = self.start
        self.end: View | None = None
        self.shared, self._looks, self._as_of = Shared(), Looks(), 0.0
        self.dmg = DmgSession(state, lambda: self.seen, self._servers_changed)
        self.window = OfflineWindow()
        self.hooks = Hooks(settings.hooks, settings.timeouts["hook"], say)
        self.alone: Callable[[], bool] = lambda: False
        self.refusals: list[Finding] = []
        self.failures: list[Finding] = []
        self.failed: dict[str, set[str]] = {}
        self.steps: list[str] = []
        self.openers: set[str] = set()
        self.taken: set[str | None] = set()
        self.concerned: frozenset[str] = frozenset()
        self.acted = self.crashed = self.declined = False
        self._acting: str | None = None  # the step that has acted last, as pyinfra knows it
        self._before: dict[str | None, str | None] = {}  # step to the one that had acted before it
        self._gentle: set[str | None] = set()  # steps that leave ranks and pools as they are
        self.folder: Path | None = None
        self.containers: dict[str, tuple[int | None, int | None]] = {}
        self.disconnected: dict[str, list[str]] = {}
        self.keys: dict[str, frozenset[str]] = {}
        self.dependencies: dict[str, tuple[Dependency, ...]] = {}
        self.rpmnew: dict[str, list[str]] = {}
        self.scriptlets: dict[str, list[str]] = {}

    def begins(self, start: Start) -> None:
        """The cluster is known as it is before this run touches anything."""
        self.start = self.seen = replace(start, pools=self.awaited(start.pools))
        self.window.resumed(start.opened_before, start.ages)

    def begins_anew(self, view: View) -> str | None:
        """A run that has just begun to keep others away begins with the cluster as it is by now.

        + view: that
        Returns what has become of the plan that was shown, which is not carried out then; None
        where it still is the plan.
        """
        if changed := self.start.changed(view):
            return f"what is installed or remembered on {fold(changed)} has changed"
        self.begins(self.start.anew(view))
        return None

    def refused(self, findings: Iterable[Finding]) -> None:
        """The run does not begin, for these reasons; none is none."""
        if self.interrupted:
            return
        self.refusals += findings
        for finding in folded(self.refusals):
            logger.error(f"--> Refused: {finding}")

    def crashes(self, problem: Exception, where: Iterable[str] = ()) -> None:
        """An exception that nothing has foreseen ends the run: as a failure, with a report.

        + where: the nodes that it came up on, none for the whole system
        """
        if self.interrupted:
            return
        self.crashed = True
        at = traceback.extract_tb(problem.__traceback__)[-1]
        message = (
            f"{type(problem).__name__}: {problem} ({at.filename}, line {at.lineno}). This is a "
            "fault of the tool itself: report it with this line; meanwhile nothing more is done"
        )
        finding = Finding("internal-error", tuple(where), message)
        if finding not in self.failures:
            self.failures.append(finding)
            logger.error(f"--> {finding}")

    @property
    def interrupted(self) -> bool:
        """Whether a signal has come; what fails from then on fails since connections end."""
        return interruption.came()

    @property
    def target(self) -> Version:
        """The release that every node shall have."""
        assert self.procedure.target
        return self.procedure.target

    @property
    def units(self) -> Units:
        """The units that run the daemons."""
        return self.settings.units

    @property
    def planning(self) -> bool:
        """Whether steps are only asked what they will do; nothing may be changed then."""
        return not self.state.is_executing

    @property
    def accepted(self) -> frozenset[int]:
        """The ranks that may be missing: accepted and missing before, or given up since."""
        missing = self.settings.accepted_exclusions - set(self.start.ranks)
        return missing | self.settings.given_up_ranks

    def awaited(self, pools: Mapping[str, str]) -> dict[str, str]:
        """These pools, label by UUID, without those that the site has given up."""
        gone = self.settings.given_up_pools
        return {uuid: label for uuid, label in pools.items() if not gone & {uuid, label}}

    def reads_pools_anew(self, pools: Mapping[str, str]) -> None:
        """These pools, label by UUID, are those that have to be there again afterwards."""
        self.start = replace(self.start, pools=pools)

    @property
    def may_evict(self) -> bool:
        """Whether all pool connections may go: the site allows it, and all of DAOS stops."""
        return self.settings.evict and self.start.opens_window

    def look(self, fresh: float = FRESH) -> View:
        """The cluster right now: one reading serves all hosts that ask at about the same time.

        And all steps that do, as long as none of them acts: most runs go on from somewhere, and
        would look at all nodes for each step that is done already.

        + fresh: how many seconds ago it may have been read; where looking at all nodes takes longer
          than that, as long ago as that takes
        """
        last = self._before.get(ctx_host.get().executing_op_hash, self._acting)
        as_long = AS_LONG if fresh >= FRESH else 0
        fresh = max(fresh, self._looks.takes)
        read = partial(self._read_as_of, fresh)
        self.seen = self.shared.get(
            "view", read, fresh, made=lambda: self._as_of, turn=last, as_long=as_long
        )
        return self.seen

    def _read_as_of(self, fresh: float) -> View:
        """The same, as old as the oldest look that it takes from before."""
        began = time.monotonic()
        view = self.read(fresh)
        self._looks.learns(began, view.nodes)
        oldest = self._looks.oldest(view.nodes)
        self._as_of = oldest if oldest < began else time.monotonic()
        return view

    def forgets(self) -> None:
        """What was seen until now may be otherwise by now, on any node."""
        self.shared.forget()
        self._looks.forget()
        self.dmg.forgets()

    def forgets_servers(self) -> None:
        """The same of the servers alone."""
        self.shared.forget()
        self._servers_changed()

    def _servers_changed(self) -> None:
        """What dmg does is done on servers."""
        self._looks.forget(*self.start.groups["servers"])

    def disconnects(self, name: str, users: Iterable[str]) -> None:
        """Who uses DAOS on a node is about to be disconnected.

        + users: who that is, in words
        """
        known = self.disconnected.get(name, ())
        if found := list(dict.fromkeys([*known, *users])):
            self.disconnected[name] = found

    def acts(self, prepares: bool, looks: bool, engines: bool) -> None:
        """The present step is about to do something; arguments as of `step`."""
        here = ctx_host.get()
        present = here.executing_op_hash
        if prepares or looks or not engines:
            self._gentle.add(present)
        if not looks:
            self._looks.forget(here.name)
        if present not in self._before:
            self._before[present], self._acting = self._acting, present
        self.acted = self.acted or not prepares

    def failed_in(self, op_hash: str | None) -> set[str]:
        """The nodes where a step has failed, whether or not pyinfra was told to ignore that."""
        return self.failed.setdefault(str(op_hash), set())

    def tries_again(self, host: Host, op_hash: str) -> None:
        """A step that has failed on a node is tried again there: look anew."""
        self.failures = [finding for finding in self.failures if finding.hosts != (host.name,)]
        self.failed_in(op_hash).discard(host.name)
        self.forgets()

    def read(self, fresh: float = 0) -> View:
        """The cluster right now, read by whoever asks; what steps have seen stays as it is.

        + fresh: how many seconds ago a node may have been looked at where nothing was done since
        """
        return hosts.read(self.state, lambda it: self._look_at(it, fresh), self.start.left_out)

    def node(self, here: Host, fresh: float = 0) -> Node | None:
        """One node at this very moment; None if it gives no answer.

        + fresh: as of `read`
        """
        return self._look_at(here, fresh)[0]

    def _look_at(self, here: Host, fresh: float = 0) -> Seen:
        return self._looks.at(here.name, lambda: hosts.look(self.state, self.units, here), fresh)

    def judge(self, judge: Callable[[], list[Finding]]) -> list[Finding]:
        """What stands in the way of the present step; one judgement serves all hosts."""
        return self.shared.get(
            "gate", judge, turn=ctx_host.get().executing_op_hash, as_long=AS_LONG
        )

    def host(self, name: str) -> Host:
        """One node, as pyinfra knows it."""
        return self.state.inventory.get_host(name)

    def ask(self, host: Host, line: str, timeout: int = 60) -> tuple[bool, str, str]:
        """Run a shell command that changes nothing; arguments and answer as of `hosts.command`."""
        return hosts.command(self.state, host, line, timeout)

    def command(self, host: Host, line: str, timeout: int = 60) -> tuple[bool, str, str]:
        """Run a shell command on a node; arguments and answer as of `hosts.command`."""
        with self._changing(host.name):
            return hosts.command(self.state, host, line, timeout)

    def act(self, here: Host, line: str, timeout: int) -> tuple[bool, str, str]:
        """Run a command that changes a node, and look there in the same breath, for who asks next.

        Arguments and answer as of `hosts.command`.
        """
        with self._changing(here.name):
            done, output, errors, seen = hosts.acted(self.state, self.units, here, line, timeout)
        if done:  # else pyinfra is about to leave this node out
            self._looks.at(here.name, lambda: seen)
        return done, output, errors

    @contextmanager
    def _changing(self, name: str) -> Iterator[None]:
        """Something is done on a node, and what was known of it before serves nobody."""
        here = ctx_host.get()
        gentle = here and here.executing_op_hash in self._gentle
        with self._looks.changing(name), ExitStack() as after:
            if "servers" in self.start.roles(name) and not gentle:
                self.dmg.forgets()
                after.callback(self.dmg.forgets)
            yield

    def shell(self, here: Host, line: str, what: str = "") -> str | None:
        """Change a node by a short command; None if that went well, else what it said.

        + what: what it does, in words that "failed" follows; "" where the command itself says it
        """
        done, output, errors = self.act(here, line, self.settings.timeouts["service"])
        return None if done else f"{what or f'`{line}`'} failed: {(errors or output).strip()}"

    def wait(self, kind: str, look: Callable[[], tuple[bool, str]]) -> bool:
        """Look again and again until it is done, showing how far it is.

        At first often, as where engines take a moment, then less often, as where they take minutes
        and each look is a question to all servers: who has waited long waits a little longer.

        + kind: which of the site's time-outs ends the waiting
        + look: says whether it is done, and in a few words how far it is
        Returns False on time-out.
        """
        began = time.monotonic()
        deadline = began + self.settings.timeouts[kind]
        while True:
            done, how_far = look()
            if how_far != shown.detail:
                shown.detail = how_far
                logger.info(how_far, extra=QUIETLY)
            if done:
                return True
            now = time.monotonic()
            if now > deadline:
                return False
            time.sleep(pause(now - began))


def pause(waited: float) -> float:
    """How many seconds to wait until the next look, after so many of waiting."""
    return min(_PAUSES[1], max(_PAUSES[0], _LATER * waited))


def say(line: str) -> None:
    """One line for the administrator who watches."""
    logger.info(line)


progress.say = say


_runs: WeakKeyDictionary[State, Shared] = WeakKeyDictionary()


def begun(state: State, begin: Callable[[State], AnyRun]) -> AnyRun:
    """The run of this pyinfra state, begun by the first host that gets there; the others wait."""
    return _runs.setdefault(state, Shared()).get("run", lambda: begin(state), fresh=float("inf"))


def has_begun(state: State) -> bool:
    """Whether a procedure has begun its run."""
    return state in _runs


def has_told(state: State) -> bool:
    """Whether a run has begun, and has said why it ends."""
    if not has_begun(state):
        return False
    current = of(state)
    return bool(current.refusals or current.failures or current.interrupted)


def of(state: State) -> Run:
    """The run of this pyinfra state, which a procedure begins before its first step."""

    def missing(state: State) -> Run:
        raise DeployError("no procedure has begun: a deploy calls its examination first")

    return begun(state, missing)
