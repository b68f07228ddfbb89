"""The session with dmg: what it is asked on the admin node, in the words of any release."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Generic, TypeVar

import gevent
from pyinfra.api import Host, State
from yaml import YAMLError

from ..daos import dmg, dmg_1_0, yaml_text
from ..daos.dmg import DmgError, Member, Pool
from ..rules.view import View
from . import hosts
from .shared import FRESH, JUST_NOW, Shared

SERVER_FILE = "/etc/daos/daos_server.yml"
_CONTROL_FILE = "/etc/daos/daos_control.yml"  # dmg reads it
_USUAL_NAME = "daos_server"  # where the file names none
T = TypeVar("T")

_QUESTIONS = ("system query", "pool list", "pool query")  # that change nothing
RANKS, POOLS = "ranks", "pools"  # what all hosts share of its answers
_POOL_TIME = 5  # seconds that `dmg pool query` may take for each pool, besides a minute


class Readings(Generic[T]):
    """What dmg has answered to a question.

    + first, last: the first answer and the last one; None as long as there is none
    """

    def __init__(self) -> None:
        self.first: list[T] | None = None
        self.last: list[T] | None = None

    def kept(self, answer: list[T]) -> list[T]:
        """The same answer, kept."""
        self.last = answer
        self.first = answer if self.first is None else self.first
        return answer


class DmgSession:
    """dmg on the first admin node that could be reached.

    + seen: gives the cluster as it was looked at last
    + changes: is told that it has done something, on any server
    + members, listed: the ranks and the pools, as they were first and last
    """

    def __init__(
        self,
        state: State,
        seen: Callable[[], View],
        changes: Callable[[], None],
    ) -> None:
        self._state, self._seen, self._changes = state, seen, changes
        self._shared = Shared()
        self._point = ""
        self._name: gevent.Greenlet | None = None
        self.members = Readings[Member]()
        self.listed = Readings[Pool]()

    @property
    def admin(self) -> Host:
        """The node that dmg is run on: the first admin node that could be reached."""
        names = self._seen().groups["admins"]
        nodes = [self._state.inventory.get_host(name) for name in names]
        return next((host for host in nodes if host.connected), nodes[0])

    def ask(self, arguments: str, timeout: int = 60) -> str:
        """What `dmg -j ARGUMENTS` writes to standard output.

        + timeout: seconds until it is given up
        """
        try:
            return self._said(arguments, timeout)
        finally:
            if not arguments.startswith(_QUESTIONS):
                self.forgets()
                self._changes()

    def forgets(self) -> None:
        """What ranks and pools there are may be otherwise by now, as something is done to them."""
        self._shared.forget(under_way=True)

    def asked_ahead(self, asks: Iterable[str]) -> None:
        """Begin to ask what somebody wants to know after something else that takes a moment.

        + asks: of these, RANKS and POOLS
        """
        questions = {RANKS: self.query, POOLS: partial(self.shared_pools, JUST_NOW)}
        for it in asks:
            gevent.spawn(_quietly, questions[it])
        gevent.sleep(0)  # let them begin: who needs none of it may do something next

    def _said(self, arguments: str, timeout: int) -> str:
        if self.is_1_0:
            line = dmg_1_0.line(arguments, self._access_point())
            found = hosts.command(self._state, self.admin, line, timeout=timeout)
            return dmg_1_0.answer(arguments, *found)
        line = f"dmg -j {arguments}"
        _, answer, errors = hosts.command(self._state, self.admin, line, timeout=timeout)
        return answer or errors

    @property
    def is_1_0(self) -> bool:
        """Whether the admin node has a dmg of 1.0, which knows no JSON."""
        node = self._seen().nodes.get(self.admin.name)
        return dmg_1_0.speaks(node.version if node else None)

    def _access_point(self) -> str:
        """The server that dmg of 1.0 has to ask. Raises DmgError where that is not known."""
        if not self._point:
            name, node = next(iter(self._seen().of("servers").items()))
            host = self._state.inventory.get_host(name)
            _, text, _ = hosts.command(self._state, host, f"cat {SERVER_FILE}", timeout=60)
            try:
                self._point = dmg_1_0.access_point(text, node.hostname)
            except ValueError as problem:
                raise DmgError(f"{SERVER_FILE} on {name}: {problem}") from problem
        return self._point

    def learn_name(self) -> None:
        """Ask what the system is called, while other things are done."""
        if self._name is None:  # a greenlet that has ended is as good as False
            self._name = gevent.spawn(self._read_name)

    @property
    def name(self) -> str:
        """What the system is called, as the admin node says; "" as long as nobody knows."""
        return "" if self._name is None else str(self._name.value or "")

    def _read_name(self) -> str:
        """Not from dmg, which does not tell it."""
        done, text, _ = hosts.command(self._state, self.admin, f"cat {_CONTROL_FILE}", timeout=30)
        with suppress(YAMLError):
            found = yaml_text.read(text) if done else None
            return str((found if isinstance(found, dict) else {}).get("name") or _USUAL_NAME)
        return ""

    def query(self, fresh: float = JUST_NOW) -> list[Member]:
        """The ranks right now, by `dmg system query`. Raises DmgError.

        + fresh: how many seconds ago they may have been asked for, if nothing was done since
        """
        return self._shared.get(RANKS, self._members, fresh)

    def _members(self) -> list[Member]:
        return self.members.kept(dmg.members(self.ask("system query")))

    def query_or_none(self, fresh: float = JUST_NOW) -> list[Member] | None:
        """The same, or None if the management service does not answer."""
        try:
            return self.query(fresh)
        except DmgError:
            return None

    def shared_pools(self, fresh: float = FRESH) -> list[Pool]:
        """The pools right now; one reading serves all hosts. Argument and errors as of `query`."""
        return self._shared.get(POOLS, self.pools, fresh)

    def pools(self) -> list[Pool]:
        """The pools right now, by `dmg pool list` and `dmg pool query`. Raises DmgError."""
        listed = dmg.pools(self.ask("pool list"))
        # What the list could not ask is known as that, and need not be asked again. Nor can one be
        # asked that is being created or destroyed: that takes five minutes to fail.
        to_ask = [pool for pool in listed if not (pool.error or pool.passing)]
        asked = {pool.uuid: pool for pool in self._asked_about(to_ask)} if to_ask else {}
        return self.listed.kept([asked.get(pool.uuid, pool) for pool in listed])

    def _asked_about(self, pools: list[Pool]) -> list[Pool]:
        """These pools with what `dmg pool query` says of each. Raises DmgError."""
        timeout = 60 + _POOL_TIME * len(pools)
        if not self.is_1_0:
            line = dmg.pool_queries(pools)
            return dmg.queried(pools, hosts.command(self._state, self.admin, line, timeout)[1])
        line = dmg_1_0.pool_queries((pool.uuid for pool in pools), self._access_point())
        _, answer, _ = hosts.command(self._state, self.admin, line, timeout)
        # It does not tell over how many engines a pool is spread: by default over all.
        engines = len(self.query())
        found = dmg.queried(pools, dmg_1_0.pool_answers(answer))
        return [replace(pool, engines=engines) for pool in found]


def _quietly(question: Callable[[], Any]) -> None:
    with suppress(Exception):  # whoever needs the answer has it, too
        question()
