"""What is judged on live readings by more than one step: the gates, asked for a run."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from ..daos.dmg import DmgError, Member
from ..rules import gates
from ..rules.findings import Finding
from ..rules.members import END_CHECKER, STOPPED, expected
from ..rules.pools import rebuilding, unhealthy
from ..rules.view import View
from .hooks import OPENING
from .run import Run
from .session import POOLS
from .shared import JUST_NOW


def needed(current: Run, view: View) -> list[Finding]:
    """R1, R12: there is something to do, and every node can get to the target."""
    procedure = current.procedure
    return gates.needed(view, current.target, procedure.back, procedure.from_1_x)


def members(
    current: Run, view: View, judge: Callable[[View, list[Member], Collection[int]], list[Finding]]
) -> list[Finding]:
    """What `judge` finds wrong with the ranks right now; no answer of dmg is a finding too.

    + judge: given the nodes, the ranks, and those of them that may be missing
    """
    try:
        return judge(view, current.dmg.query(), current.accepted)
    except DmgError as problem:
        return [_no_answer(current, view, problem, "dmg system query -v")]


def pools(current: Run, view: View) -> list[Finding]:
    """What is wrong with the pools right now; no answer of dmg is a finding too."""
    try:
        found = current.dmg.shared_pools(JUST_NOW)
    except DmgError as problem:
        return [_no_answer(current, view, problem, "dmg pool list")]
    accepted = len(current.settings.may_be_missing)
    return [_led_on(it, view) for it in unhealthy(found, accepted)] + rebuilding(found)


def _led_on(finding: Finding, view: View) -> Finding:
    """Nobody reintegrates what a server that is down has taken from a pool."""
    if finding.code != "pool-degraded":
        return finding
    return replace(finding, message=finding.message + gates.to_start(view))


def _no_answer(current: Run, view: View, problem: DmgError, see: str) -> Finding:
    if problem.by_checker:
        message = f"{problem}: end it by {END_CHECKER}, then type the same command again"
        return Finding("checker-enabled", (current.dmg.admin.name,), message)
    message = (
        f"{problem}; see `sudo -H {see}` there, since what is set up for another user is unseen"
        f"{gates.to_start(view)}"
    )
    return Finding("dmg-failed", (current.dmg.admin.name,), message)


def healthy(current: Run, view: View) -> list[Finding]:
    """R1: what was healthy when it was examined, perhaps long ago, still is, and is unused."""
    if not view.serving:
        return []
    unused = [] if current.may_evict else gates.unused(view, current.start.concerned)
    # What an earlier run, or this one, has begun to stop is no reason not to stop the rest.
    judge = gates.joined_or_stopped if view.records else gates.joined
    findings = unused + members(current, view, judge)
    # No pool can tell how it is while its engines are being stopped.
    return findings if is_stopping(current, view) else findings + pools(current, view)


def askable(current: Run, view: View, asks: Iterable[str]) -> Iterable[str]:
    """What can be asked of this, as far as it is known without asking anything: of pools an engine.

    + asks: of these, RANKS and POOLS

    From 2.4 on dmg takes five minutes for each pool to say that no engine has answered.
    Source: canRetry and DefaultPoolTimeout in src/control/lib/control/pool.go of v2.4.2.
    """
    if view.serving and not _stopped(current, current.dmg.members.last):
        return asks
    return [it for it in asks if it != POOLS]


def is_stopping(current: Run, view: View) -> bool:
    """Whether a `dmg system stop` of this update has got somewhere already."""
    return _stopped(current, current.dmg.query_or_none()) and bool(view.records)


def _stopped(current: Run, ranks: Iterable[Member] | None) -> bool:
    """Whether any of these ranks was stopped, or is being stopped."""
    return any(member.state in STOPPED for member in expected(ranks or [], current.accepted))


def asks(current: Run) -> bool:
    """Whether the site has to be asked before the offline window opens.

    Where it is open already, or an update that is under way has found DAOS down, there is nothing
    to ask any more.
    """
    start = current.start
    if OPENING not in current.hooks.commands or not start.opens_window:
        return False
    return not (current.window.is_open or (start.record and start.stopped))


def let(current: Run, again: Callable[[], list[Finding]]) -> list[Finding]:
    """The site lets the offline window open: what it has set for that is asked, once in a run.

    + again: judges once more what was judged before, since the answer may have taken its time
    """
    if not asks(current):
        return []
    asked = current.hooks.asked
    if veto := current.hooks.ask():
        return [veto]
    if asked:
        return []
    current.forgets()
    return again()


def alone(current: Run) -> list[Finding]:
    """No other run can act at the same time, as long as this one holds the lock."""
    message = "nothing keeps other runs away (any more): type the same command again"
    return [] if current.alone() else [Finding("not-alone", (), message)]
