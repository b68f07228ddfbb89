"""What every step of a procedure has in common: its nodes, its plan, its gate, and R8."""

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any, TypeVar

from pyinfra import logger
from pyinfra.api import FunctionCommand, Host, StringCommand, operation
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.exceptions import DeployError
from pyinfra.context import ctx_host, ctx_state

from ..daos.node import Node
from ..machinery import judgements
from ..rules import gates
from ..rules.findings import Finding, about
from ..rules.view import NoAnswer, View
from . import run
from .output import QUIETLY
from .run import Run
from .shared import FRESH, JUST_NOW

Command = PyinfraCommand | StringCommand | str
# A step of a migration takes a MigrationRun.
AnyRun = TypeVar("AnyRun", bound=Run)
Need = Callable[[AnyRun, str, Node], bool]
Gate = Callable[[AnyRun, View], list[Finding]]
Act = Callable[..., Iterator[Command]]
Try = Callable[[AnyRun, Host], str | None]


def always(current: Run, name: str, node: Node) -> bool:
    """The `need` of a step that every run takes, on all of its nodes."""
    return True


def _no_gate(current: Run, view: View) -> list[Finding]:
    return []


class Step:
    """A step: what it does on one node, on which nodes, when it is needed and when it is allowed.

    It makes a pyinfra operation of a generator that yields the commands for one node. Every host
    calls every operation, and whether it has something to do is decided in the step: only so does
    pyinfra keep the written order. After a failure no later step acts (R8).

    + roles: the nodes that it is about
    + need: whether a node needs it right now, given its name and state
    + foreseen: whether a plan foresees that it will, given its name and its state at the start;
      where it is left out, what the nodes need then
    + gate: what must hold across the cluster right before it acts; judged once for all nodes
    + once: act on the one admin node that dmg is run on, not on all of `roles`
    + prepares: whether it leaves alone what serves, as what comes before the window does
    + looks: whether it only looks, which another run at the same time does not disturb
    + opens: whether the offline window may begin with it, which the site may veto
    + reads: whether it goes by how the nodes are right now, not by what the examination has found
    + engines: whether dmg may tell something else of ranks and pools, once it has acted
    + asks: what its gate, or what it does first, wants to know of dmg, as of
      `DmgSession.asked_ahead`; it is asked while the nodes are looked at
    """

    def __init__(
        self,
        *roles: str,
        need: Need[AnyRun] = always,
        foreseen: Need[AnyRun] | None = None,
        gate: Gate[AnyRun] = _no_gate,
        once: bool = False,
        prepares: bool = False,
        looks: bool = False,
        opens: bool = False,
        reads: bool = True,
        engines: bool = True,
        asks: Iterable[str] = (),
    ) -> None:
        self.roles, self.once, self.prepares, self.looks = frozenset(roles), once, prepares, looks
        self.opens, self.reads, self.engines, self.asks = opens, reads, engines, asks
        self.need: Need[Any] = need
        self.foreseen: Need[Any] = foreseen or need
        self.gate: Gate[Any] = gate

    def __call__(self, act: Act) -> Callable[..., Any]:
        """The operation that does what `act` yields for a node."""

        def op(**arguments: Any) -> Iterator[Command]:
            current, here = run.of(ctx_state.get()), ctx_host.get()
            if act.__name__ not in current.steps:
                current.steps.append(act.__name__)
            if self.opens:
                current.openers.add(act.__name__)
            try:
                yield from self._commands(current, here, lambda: act(current, here, **arguments))
            except NoAnswer as silent:  # it did give one to the gate, which may have been slow
                yield refuse(current, gates.answering(silent.view))
            except Exception as problem:
                current.crashes(problem, [here.name])
                if current.planning:
                    raise DeployError("the plan is not known, for what is named above") from problem
                yield refuse(current, [])

        op.__name__, op.__doc__, op.__module__ = act.__name__, act.__doc__, act.__module__
        return operation()(op)  # type: ignore[arg-type]

    def _commands(self, current: Run, here: Host, act: Act) -> Iterator[Command]:
        current.taken.add(here.executing_op_hash)
        if not self._concerns(current, here):
            here.noop("the step is not about this node")
        elif current.planning:
            if self._says(self.foreseen, current, here.name, current.start):
                yield FunctionCommand(lambda: None, (), {})  # counted by pyinfra, never run
        elif trouble := self._earlier_failure(current):
            yield refuse(current, trouble)
        else:
            yield from self._act(current, here, act)

    def _concerns(self, current: Run, here: Host) -> bool:
        return here.name in self._nodes(current, [here.name])

    def _nodes(self, current: Run, names: Iterable[str]) -> list[str]:
        if self.once:
            admin = current.dmg.admin.name
            return [name for name in names if name == admin]
        roles = current.start.roles
        return [name for name in names if not self.roles.isdisjoint(roles(name))]

    def _says(self, need: Need[Any], current: Run, name: str, view: View) -> bool:
        node, current.asked = view.nodes.get(name), view
        return node is None or need(current, name, node)

    def _act(self, current: Run, here: Host, act: Act) -> Iterator[Command]:
        if not self._says(self.need, current, here.name, self._view(current)):
            here.noop("nothing to do")
            return
        findings = current.judge(lambda: self._in_the_way(current))
        if findings:
            yield refuse(current, findings)
        else:
            current.acts(self.prepares, self.looks, self.engines)
            yield from act()

    def _view(self, current: Run, fresh: float = FRESH) -> View:
        return current.look(fresh) if self.reads else current.start

    def _in_the_way(self, current: Run) -> list[Finding]:
        current.dmg.asked_ahead(judgements.askable(current, current.asked, self.asks))
        view = self._view(current, JUST_NOW)
        concerned = self._nodes(current, view.nodes)
        current.concerned = frozenset(
            name for name in concerned if self._says(self.need, current, name, view)
        )
        found = self._judged(current, view)
        if found or not self.opens:
            return found
        return judgements.let(current, lambda: self._judged(current, current.look()))

    def _judged(self, current: Run, view: View) -> list[Finding]:
        alone = [] if self.looks else judgements.alone(current)
        units = [] if self.looks else gates.of_their_units(view)
        return alone + gates.answering(view) + units + self.gate(current, view)

    def _earlier_failure(self, current: Run) -> list[Finding]:
        """R8: no step has failed on any node, also where pyinfra was told to ignore it.

        The present one may have failed elsewhere: where pyinfra takes nodes in batches.
        """
        failed = {host.name for host in current.state.failed_hosts}
        present = str(ctx_host.get().executing_op_hash)
        failed.update(*(names for step, names in current.failed.items() if step != present))
        message = "a step failed there, so no later step acts anywhere"
        return about("stopped-at-trouble", sorted(failed), message)


step = Step  # as a decorator it is named like one


def refuse(current: Run, findings: Iterable[Finding]) -> FunctionCommand:
    """A command that fails and says why; each finding is said once, not by every host."""

    def fail(state: Any, host: Any) -> bool:
        for finding in findings:
            if not current.interrupted and finding not in current.refusals:
                current.refusals.append(finding)
                logger.error(f"--> Not done: {finding}")
        return False

    return FunctionCommand(fail, (), {})


def shell(current: Run, here: Host, line: str, what: str = "") -> FunctionCommand:
    """A command that runs a short shell command on a node, and fails where that fails.

    + what: as of `Run.shell`
    """
    return verify(current, lambda: current.shell(here, line, what))


def verify(
    current: Run, look: Callable[[], str | None], code: str = "step-failed"
) -> FunctionCommand:
    """A command that fails, with what `look` says is wrong; None from it is good.

    + code: names this kind of failure in the report
    """

    def judge(state: Any, host: Host) -> bool:
        failed = current.failed_in(host.executing_op_hash)
        if current.interrupted or host.name in failed:
            return False  # pyinfra may go on to the next command all the same
        failed.add(host.name)  # until it is known better
        try:
            problem = look()
        except NoAnswer as silent:
            problem = "; ".join(map(str, gates.answering(silent.view)))
        except Exception as crash:
            current.crashes(crash, [host.name])
            return False
        if not problem:
            failed.remove(host.name)
        elif not current.interrupted:
            current.failures.append(Finding(code, (host.name,), problem))
            logger.error(f"{host.print_prefix}{problem}", extra=QUIETLY)
        return not problem

    return FunctionCommand(judge, (), {})


def attempt(
    *roles: str, code: str = "step-failed", **arguments: Any
) -> Callable[[Try[Any]], Callable[..., Any]]:
    """Make a step of a function that acts on one node, and says what went wrong; None is good.

    + code: names this kind of failure in the report
    + arguments: as of `step`
    """

    def decorate(do: Try[Any]) -> Callable[..., Any]:
        @wraps(do)
        def act(current: Run, here: Host) -> Iterator[Command]:
            yield verify(current, lambda: do(current, here), code)

        return step(*roles, **arguments)(act)

    return decorate
