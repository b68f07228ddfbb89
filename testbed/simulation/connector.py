"""pyinfra's way to a simulated cluster: `@simulation` in the place of an inventory.

It is registered as pyinfra registers connectors, by an entry point, which lies in `registered/` and
is found where that folder is on the path: in a process that works with a simulated cluster.
"""

import re
import shlex
import traceback
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any

from paramiko import SSHException
from pyinfra.api.exceptions import ConnectError
from pyinfra.connectors.base import BaseConnector
from pyinfra.connectors.util import CommandOutput, OutputLine

from . import clients, commands, formatting, look, packages, shell, waiting  # noqa: F401 - they teach phrases
from .cluster import Cluster
from .node import Node
from .shell import Answer, Lost, Session, Unknown

cluster: Any = None  # the one of this process
broken: Any = None  # ends this process, for what the simulation does not know
planted: Any = None  # what goes wrong at which command; see faults.py

_TAKES = 0.02  # seconds on the way to a node and back
_CONNECT = 10.0  # seconds until a connection is given up
_FRAMED = re.compile(
    r"printf '\\n%s\\n' '(?P<begin>[^']*)'; .*? >&2\n\(\n(?P<line>.*)\n\)\nfound=\$\?; "
    r"printf '\\n%s\\n' '(?P<end>[^']*)'; exit \$found$",
    re.DOTALL,
)
_AND_THEN = re.compile(
    r"\(\n(?P<line>.*)\n\)\nprintf '\\n(?P<ended>[^']*) %s\\n' \$\?\n(?P<question>.*)",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\0(\d{3})")


class SimulatedNode(BaseConnector):
    """A connection to a node of the cluster of this process."""

    handles_execution = True
    _number = -1

    @staticmethod
    def make_names_data(name: str | None = None) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
        """All nodes of the cluster, each in the groups of its roles."""
        del name
        here: Cluster = cluster
        for node in here.nodes.values():
            yield node.name, {}, sorted(node.roles)

    @property
    def node(self) -> Node:
        """The node that it leads to."""
        here: Cluster = cluster
        return here.nodes[self.host.name]

    def connect(self) -> None:
        """Connect. Raises ConnectError."""
        node = self.node
        if not node.answers:
            waiting.now.until(lambda: node.answers, node, _CONNECT)
        if not node.answers:
            raise ConnectError("Could not connect (timed out)")
        self._number = node.connection

    def disconnect(self) -> None:
        """Nothing has to be closed."""

    def run_shell_command(
        self, command: Any, print_output: bool = False, print_input: bool = False, **given: Any
    ) -> tuple[bool, CommandOutput]:
        """Have the node run a command. Raises what a connection over SSH raises."""
        timeout = given.get("_timeout") or float("inf")
        try:
            if not given.get("_sudo"):
                raise Unknown("a command that is not run by sudo")
            begin, line, end = _unframed(command.get_raw_value())
            answer, whole = _Call(self.node, self._number, line, timeout).answer()
        except Lost:
            answer, whole = Answer(255), False
        except Unknown:
            broken(traceback.format_exc())
        tail = f"\n{end}\n" if whole else ""
        said = _Said(f"\n{begin}\n{answer.out}{tail}", f"\n{begin}\n{answer.err}{tail}")
        return whole and answer.code == 0, said

    def put_file(self, *_: Any, **__: Any) -> bool:
        """The deploy code has no file put: some sites switch that off."""
        raise Unknown("a file that is put")

    def get_file(self, *_: Any, **__: Any) -> bool:
        """Nor does it get one."""
        raise Unknown("a file that is got")


class _Said(CommandOutput):
    """What came from a node; it is taken apart into lines only where somebody wants them."""

    def __init__(self, out: str, err: str) -> None:
        self._out, self._err = (text.removesuffix("\n") for text in (out, err))

    @property
    def combined_lines(self) -> list[OutputLine]:  # type: ignore[override]
        texts = {"stdout": self._out, "stderr": self._err}
        return [OutputLine(name, it) for name, text in texts.items() for it in text.split("\n")]

    @property
    def stdout(self) -> str:
        return self._out

    @property
    def stderr(self) -> str:
        return self._err


class _Call:
    """One command on its way to a node."""

    def __init__(self, node: Node, number: int, line: str, timeout: float) -> None:
        self._node, self._number = node, number
        self._line, self._ended, self._question = told_apart(line)
        self._until = node.cluster.clock.now + timeout
        self._boot = ""  # of the node, once the command is there

    def answer(self) -> tuple[Answer, bool]:
        """What the node answers, and whether that is all of it."""
        node = self._node
        plan = planted.at(node, self._line) if planted else None
        if plan:
            plan.before()
        self._wait(lambda: False, self, _TAKES)
        self._reach()
        session = Session(node, self._number, self._wait)
        if plan:
            refused = plan.refused()
            if refused:
                return refused, True
        self._boot = node.boot
        session.code = shell.run(session, self._line, partial(self._between, plan))
        if self._question:
            self._between(plan, 1, 2)
            session.out.append(f"\n{self._ended} {session.code}\n")
            session.code = shell.run(session, self._question)
        if plan:
            plan.after()
        self._reach()
        return session.answer(), True

    def _between(self, plan: Any, number: int, of: int) -> None:
        """Between two parts of the command; on a node that is gone, nothing more is done."""
        if plan:
            plan.between(number, of)
        if self._gone:
            self._wait(lambda: False, self._node)

    def _reach(self) -> None:
        """Wait for a node that gives no answer. Raises what comes of that."""
        node = self._node
        if not node.answers:
            self._wait(lambda: node.answers, node)
        if self._dead:
            raise SSHException("SSH session not active")

    @property
    def _gone(self) -> bool:
        """Whether the node is off, or another boot of it is on, since the command has begun."""
        return bool(self._boot) and self._boot != self._node.boot

    @property
    def _dead(self) -> bool:
        return self._number < self._node.connection

    def _wait(self, holds: Callable[[], bool], of: object, seconds: float = float("inf")) -> None:
        """Wait; a node that is gone, a broken connection and a time-out end it."""
        node = self._node
        left = self._until - node.cluster.clock.now

        def so() -> bool:
            return holds() and not self._gone

        waiting.now.until(lambda: so() or (node.up and self._dead), of, min(seconds, left))
        if node.up and self._dead and not so():
            raise Lost
        if seconds > left and not so():
            raise TimeoutError


@lru_cache(maxsize=512)
def told_apart(line: str) -> tuple[str, str, str]:
    """What a command does; the mark after that, and what it asks then: "" for nothing."""
    match = _AND_THEN.fullmatch(line)
    return (match["line"], match["ended"], match["question"]) if match else (line, "", "")


@lru_cache(maxsize=512)
def _unframed(text: str) -> tuple[str, str, str]:
    """The mark before a command, the command, and the mark after it."""
    quoted = text.removeprefix('eval "$(printf %b ').removesuffix(')"')
    escaped = quoted[1:-1].replace("'\"'\"'", "'")
    plain = _ESCAPED.sub(lambda it: chr(int(it[1], 8)), escaped)
    match = _FRAMED.match(plain)
    if not match or shlex.quote(escaped) != quoted:  # shlex.split takes twenty times as long
        raise Unknown(f"a command that is not framed: {plain[:200]}")
    return match["begin"], match["line"], match["end"]
