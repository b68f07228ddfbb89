"""Asking a server, as a program does that asks once: dmg, mostly. Errors carry a reason.

Two kinds of calls share port 10001: the real ones of `mgmt.MgmtSvc`, and the lab's own between
its programs (`lab.Ctl`), which are one method that carries JSON.
"""

import json
from collections.abc import Callable
from typing import Any

from . import http2, messages

NOT_REPLICA = "proto.system.ErrNotReplica"
NOT_LEADER = "proto.system.ErrNotLeader"
UNAVAILABLE = "proto.system.ErrRaftUnavail"
REFUSED = "lab.Refused"  # the system does not allow it; metadata Status is DAOS's error number

MGMT = "mgmt.MgmtSvc"
CTL = "lab.Ctl"
_NOBODY_THERE = (b"1", b"4", b"14")  # gRPC's CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE


class Failure(Exception):
    """A call that did not succeed.

    `reason` is the one of google.rpc.ErrorInfo, "" where the other side gave none; `reached` says
    whether there was another side at all.
    """

    def __init__(
        self,
        message: str,
        reason: str = "",
        metadata: dict[str, str] | None = None,
        *,
        reached: bool = True,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.metadata = metadata or {}
        self.reached = reached


def mgmt(
    address: str, method: str, request: Any, timeout: float, metadata: tuple[Any, ...] = ()
) -> Any:
    """Call a method of mgmt.MgmtSvc at "host:port". Raises Failure."""
    message = request.SerializeToString()
    wait = _later(address, f"/{MGMT}/{method}", message, timeout, metadata)
    return messages.of(f"{method}Resp").FromString(wait())


def ctl(address: str, op: str, timeout: float, **arguments: Any) -> Any:
    """Call an operation of the lab's own at "host:port"; arguments and result are JSON."""
    return ctl_later(address, op, timeout, **arguments)()


def ctl_later(address: str, op: str, timeout: float, **arguments: Any) -> Callable[[], Any]:
    """Send a call now; the function returned waits for its result. It raises Failure."""
    payload = json.dumps({"op": op, **arguments}).encode()
    wait = _later(address, f"/{CTL}/Call", payload, timeout)
    return lambda: json.loads(wait())


def _later(
    address: str, path: str, message: bytes, timeout: float, metadata: tuple[Any, ...] = ()
) -> Callable[[], bytes]:
    try:
        call = http2.Call(address, path, message, timeout, metadata)
    except OSError as error:
        failure = Failure(f"{address}: {error}", reached=False)
        return lambda: _raise(failure)

    def wait() -> bytes:
        try:
            answer, headers = call.answer()
        except OSError as error:
            raise Failure(f"{address}: {error}", reached=False) from error
        if headers.get("grpc-status") == b"0":
            return answer
        raise _failure(address, headers)

    return wait


def _raise(error: Exception) -> Any:
    raise error


def _failure(address: str, headers: dict[str, bytes]) -> Failure:
    # What ends in -bin begins with a 0 where it comes as it is.
    packed = headers.get("grpc-status-details-bin", b"").removeprefix(b"\0")
    if packed:
        return explained(packed)
    text = headers.get("grpc-message", b"no status").decode()
    return Failure(f"{address}: {text}", reached=headers.get("grpc-status") not in _NOBODY_THERE)


def explained(packed: bytes) -> Failure:
    """The failure that a trailer grpc-status-details-bin tells of."""
    status = messages.status.Status.FromString(packed)
    info = messages.status.ErrorInfo.FromString(status.details[0].value)
    return Failure(status.message, info.reason, dict(info.metadata))
