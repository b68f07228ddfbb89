"""gRPC as the simulated DAOS uses it: channels, calls, and errors that carry a reason.

Three kinds of calls share port 10001: the real ones of the management service (`mgmt.MgmtSvc`) and
of every server for itself (`ctl.CtlSvc`), and the lab's own between its programs (`lab.Ctl`), which
are one method that carries JSON.
"""

import json
import socket
from collections.abc import Callable
from concurrent import futures
from typing import Any, TypeVar

import grpc

from . import messages

DOMAIN = "DAOS"
NOT_REPLICA = "proto.system.ErrNotReplica"
NOT_LEADER = "proto.system.ErrNotLeader"
UNAVAILABLE = "proto.system.ErrRaftUnavail"
UNINITIALIZED = "lab.Uninitialized"  # DAOS gives this one no reason of its own
REFUSED = "lab.Refused"  # the system does not allow it; metadata Status is DAOS's error number

_MGMT = "mgmt.MgmtSvc"
_SERVER = "ctl.CtlSvc"
_CTL = "lab.Ctl"
_OPTIONS = [
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),  # a new channel shares no other's back-off
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 500),
]
_WORKERS = 24
_T = TypeVar("_T")
_channels: dict[str, grpc.Channel] = {}


class Failure(Exception):
    """A call that did not succeed.

    `reason` is the one of google.rpc.ErrorInfo, "" where the other side gave none; `reached` says
    whether there was another side at all, `broken` that the connection is of no use. `code` is what
    gRPC calls its kind.
    """

    def __init__(
        self, message: str, reason: str = "", metadata: dict[str, str] | None = None, *,
        reached: bool = True, broken: bool = False, code: str = "FailedPrecondition",
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.reason = reason
        self.metadata = metadata or {}
        self.reached = reached
        self.code = code
        self.broken = broken


# Calling


def mgmt(
    address: str, method: str, request: Any, timeout: float, metadata: tuple[Any, ...] = ()
) -> Any:
    """Call a method of mgmt.MgmtSvc at "host:port". Raises Failure."""
    path, payload = f"/{_MGMT}/{method}", request.SerializeToString()
    parse = messages.of(f"{method}Resp").FromString
    return _anew_if_broken(address, lambda: _call(address, path, payload, timeout, parse, metadata))


def storage_later(address: str, timeout: float) -> Callable[[], Any]:
    """Ask a server at "host:port" for its storage; the function returned waits for the answer.

    It raises Failure.
    """
    ctl = messages.ctl
    request = ctl.StorageScanReq(nvme=ctl.ScanNvmeReq(Meta=True), scm=ctl.ScanScmReq(usage=True))
    return _later(
        address,
        f"/{_SERVER}/StorageScan",
        request.SerializeToString(),
        timeout,
        ctl.StorageScanResp.FromString,
    )


def ctl(address: str, op: str, timeout: float, **arguments: Any) -> Any:
    """Call an operation of the lab's own at "host:port"; arguments and result are JSON."""
    return _anew_if_broken(address, lambda: ctl_later(address, op, timeout, **arguments)())


def _anew_if_broken(address: str, call: Callable[[], _T]) -> _T:
    """Call; where a connection of earlier has broken meanwhile, call once more by a new one.

    Only a new one tells whether there is another side: it may have come back a moment ago.
    """
    kept = address in _channels
    try:
        return call()
    except Failure as failure:
        if not (kept and failure.broken):
            raise
    return call()


def ctl_later(address: str, op: str, timeout: float, **arguments: Any) -> Callable[[], Any]:
    """Send a call now; the function returned waits for its result. It raises Failure."""
    payload = json.dumps({"op": op, **arguments}).encode()
    return _later(address, f"/{_CTL}/Call", payload, timeout, json.loads)


def _later(
    address: str, path: str, payload: bytes, timeout: float, parse: Callable[[bytes], Any]
) -> Callable[[], Any]:
    try:
        future = _channel(address).unary_unary(path).future(payload, timeout=timeout)
    except OSError as error:
        failure = Failure(f"{address}: {error}", reached=False)
        failure.__cause__ = error
        return lambda: _raise(failure)

    def result() -> Any:
        try:
            return parse(future.result())
        except grpc.RpcError as error:
            raise _failure(address, error) from error

    return result


def _raise(error: Exception) -> None:
    raise error


def _call(
    address: str, path: str, payload: bytes, timeout: float, parse: Any, metadata: tuple[Any, ...]
) -> Any:
    try:
        method = _channel(address).unary_unary(path, response_deserializer=parse)
        return method(payload, timeout=timeout, metadata=metadata)
    except grpc.RpcError as error:
        raise _failure(address, error) from error
    except OSError as error:
        raise Failure(f"{address}: {error}", reached=False) from error


def _channel(address: str) -> grpc.Channel:
    """A channel by IP address: gRPC itself would look a name up at most every 30 s."""
    if address not in _channels:
        host, _, port = address.rpartition(":")
        target = f"{socket.gethostbyname(host)}:{port}"
        _channels[address] = grpc.insecure_channel(target, options=_OPTIONS)
    return _channels[address]


def _failure(address: str, error: Any) -> Failure:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in messages.status.Status.FromString(value).details:
                info = messages.status.ErrorInfo.FromString(detail.value)
                metadata = dict(info.metadata)
                return Failure(error.details(), info.reason, metadata, code=_kind(error.code()))
    reached = error.code() not in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
    )
    if not reached:
        _channels.pop(address, None)  # no back-off, and a new address, when it is called again
    broken = error.code() == grpc.StatusCode.UNAVAILABLE
    text = f"{address}: {error.details()}"
    return Failure(text, reached=reached, broken=broken, code=_kind(error.code()))


def _kind(code: Any) -> str:
    """The name that Go's gRPC has for a status code: FAILED_PRECONDITION is FailedPrecondition."""
    return "".join(word.capitalize() for word in code.name.split("_"))


_CODES = {_kind(code): code for code in grpc.StatusCode}


# Serving


def serve(
    port: int,
    mgmt_methods: dict[str, Callable[[Any, Any], Any]],
    storage_scan: Callable[[Any, Any], Any],
    ctl_operation: Callable[[dict[str, Any]], Any],
) -> grpc.Server:
    """Serve all kinds of calls. A handler raises Failure to answer with an error.

    Methods of mgmt.MgmtSvc and ctl.CtlSvc get the request and a dictionary of the call's metadata;
    `ctl_operation` gets the arguments with their `op`. Raises OSError where the port cannot be had.
    """
    server = grpc.server(futures.ThreadPoolExecutor(_WORKERS), options=[("grpc.so_reuseport", 0)])
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            _guarded(method), messages.of(f"{name}Req").FromString, _serialized
        )
        for name, method in mgmt_methods.items()
    }
    scan = grpc.unary_unary_rpc_method_handler(
        _guarded(storage_scan), messages.ctl.StorageScanReq.FromString, _serialized
    )
    call = grpc.unary_unary_rpc_method_handler(
        _guarded(lambda payload, _: json.dumps(ctl_operation(json.loads(payload))).encode())
    )
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(_MGMT, handlers),
            grpc.method_handlers_generic_handler(_SERVER, {"StorageScan": scan}),
            grpc.method_handlers_generic_handler(_CTL, {"Call": call}),
        )
    )
    try:
        bound = server.add_insecure_port(f"0.0.0.0:{port}")
    except RuntimeError as error:
        raise OSError(f"cannot listen on port {port}: {error}") from error
    if bound != port:
        raise OSError(f"cannot listen on port {port}")
    server.start()
    return server


def _serialized(message: Any) -> bytes:
    return bytes(message.SerializeToString())


def _guarded(method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def handler(request: Any, context: Any) -> Any:
        try:
            return method(request, dict(context.invocation_metadata()))
        except Failure as failure:
            _abort(context, failure)

    return handler


def _abort(context: Any, failure: Failure) -> None:
    code = _CODES[failure.code]
    status = messages.status
    info = status.ErrorInfo(reason=failure.reason, domain=DOMAIN, metadata=failure.metadata)
    detail = status.Any(
        type_url="type.googleapis.com/google.rpc.ErrorInfo", value=info.SerializeToString()
    )
    packed = status.Status(code=code.value[0], message=str(failure), details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", packed.SerializeToString()),))
    context.abort(code, str(failure))
