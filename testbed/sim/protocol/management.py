"""Reaching the management service: any server is asked, and tells where the leader is."""

import json
import random
import time
from collections.abc import Callable
from typing import Any

from ..common.errors import DER_MISC
from . import messages, rpc

DEADLINE = 300.0  # seconds, dmg's own
_HOSTS_TRIED = 5
_ASK_ONCE = 5.0  # seconds
_PAUSE = 0.15  # seconds, while the replicas elect a leader


class Unreachable(Exception):
    """No management service answered: `str` is dmg's wording of it.

    `address` is one of the servers that were asked, "" where one of them answered.
    """

    def __init__(self, message: str, address: str = "") -> None:
        super().__init__(message)
        self.address = address


class ServiceError(Exception):
    """The management service refused.

    `status` is DAOS's error number, `code` the kind of failure as gRPC calls it.
    """

    def __init__(
        self, message: str, status: int = DER_MISC, code: str = "FailedPrecondition"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Management:
    """The management service of the system whose servers are `hosts` ("host:port")."""

    def __init__(self, hosts: list[str], deadline: float = DEADLINE) -> None:
        self._hosts = hosts
        self._deadline = deadline

    def call(self, method: str, metadata: tuple[Any, ...] = (), **fields: Any) -> Any:
        """Call a method of mgmt.MgmtSvc. Raises Unreachable or ServiceError."""
        request = messages.of(f"{method}Req")(**fields)
        return self._until_answered(
            lambda address, left: rpc.mgmt(address, method, request, left, metadata)
        )

    def ctl(self, op: str, **arguments: Any) -> Any:
        """Have the leader do one of the lab's own operations. Raises as `call`."""
        return self._until_answered(lambda address, left: rpc.ctl(address, op, left, **arguments))

    def _until_answered(self, ask: Callable[[str, float], Any]) -> Any:
        until = time.monotonic() + self._deadline
        while True:
            answered, result = self._one_round(ask, until)
            if result is not None:
                return result
            if not answered:
                text = "unable to contact the DAOS Management Service"
                raise Unreachable(text, random.choice(self._hosts))
            if time.monotonic() + _PAUSE > until:
                raise Unreachable("the DAOS Management Service is unavailable: no leader")
            time.sleep(_PAUSE)

    def _one_round(self, ask: Callable[[str, float], Any], until: float) -> tuple[bool, Any]:
        """Ask host after host, following hints. Returns whether a replica answered, and what."""
        pending = random.sample(self._hosts, min(_HOSTS_TRIED, len(self._hosts)))
        asked: set[str] = set()
        answered = False
        while pending:
            address = pending.pop(0)
            if address in asked:
                continue
            asked.add(address)
            try:
                return True, ask(address, max(0.1, until - time.monotonic()))
            except rpc.Failure as failure:
                answered = answered or (failure.reached and failure.reason != rpc.NOT_REPLICA)
                pending = _next_hosts(failure, pending)
        return answered, None


def serves(hosts: list[str], named: bool) -> bool:
    """Whether a system's management service answers on one of these servers, each asked once.

    Of all servers of a system a few are picked, as for any request; those that are named are all
    asked.
    """
    few = len(hosts) if named else min(_HOSTS_TRIED, len(hosts))
    return any(map(_knows_a_system, random.sample(hosts, few)))


def _knows_a_system(host: str) -> bool:
    try:
        request = messages.of("SystemQueryReq")(sys="daos_server")
        return bool(rpc.mgmt(host, "SystemQuery", request, _ASK_ONCE).members)
    except rpc.Failure:
        return False  # no replica, or one without a leader or a system


def _next_hosts(failure: rpc.Failure, pending: list[str]) -> list[str]:
    """Where to ask after a failure. Raises ServiceError where asking others is no use."""
    if failure.reason in (rpc.NOT_REPLICA, rpc.NOT_LEADER):
        replicas = json.loads(failure.metadata.get("Replicas") or "[]")
        random.shuffle(replicas)
        hint = failure.metadata.get("LeaderHint")
        if failure.reason == rpc.NOT_REPLICA:
            return [*replicas, *pending]
        return [*([hint] if hint else []), *pending]
    if failure.reached and failure.reason != rpc.UNAVAILABLE:
        status = int(failure.metadata.get("Status", DER_MISC))
        raise ServiceError(str(failure), status, failure.code)
    return pending
