"""gRPC as the servers of the simulated DAOS use it: what they serve, and calls among them.

A program that asks once and ends does so without gRPC, which takes long to be imported: calls.py.
"""

import json
import socket
from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc

from . import messages
from .calls import CTL, MGMT, NOT_LEADER, NOT_REPLICA, REFUSED, UNAVAILABLE, Failure, explained

__all__ = ["NOT_LEADER", "NOT_REPLICA", "REFUSED", "UNAVAILABLE", "Failure"]

DOMAIN = "DAOS"
_OPTIONS = [
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),  # a new channel shares no other's back-off
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 500),
]
_WORKERS = 24
_channels: dict[str, grpc.Channel] = {}


# Calling


def ctl_later(address: str, op: str, timeout: float, **arguments: Any) -> Callable[[], Any]:
    """Send a call now; the function returned waits for its result. It raises Failure."""
    payload = json.dumps({"op": op, **arguments}).encode()
    try:
        method = _channel(address).unary_unary(f"/{CTL}/Call")
        future = method.future(payload, timeout=timeout)
    except OSError as error:
        failure = Failure(f"{address}: {error}", reached=False)
        return lambda: _raise(failure)

    def result() -> Any:
        try:
            return json.loads(future.result())
        except grpc.RpcError as error:
            raise _failure(address, error) from error

    return result


def _raise(error: Exception) -> None:
    raise error


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
            return explained(value)
    reached = error.code() not in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
    )
    if not reached:
        _channels.pop(address, None)  # no back-off, and a new address, when it is called again
    return Failure(f"{address}: {error.details()}", reached=reached)


# Serving


def serve(
    port: int,
    mgmt_methods: dict[str, Callable[[Any, Any], Any]],
    ctl_operation: Callable[[dict[str, Any]], Any],
) -> grpc.Server:
    """Serve both kinds of calls. A handler raises Failure to answer with an error.

    Methods of mgmt.MgmtSvc get the request and a dictionary of the call's metadata; `ctl_operation`
    gets the arguments with their `op`. Raises OSError where the port cannot be had.
    """
    server = grpc.server(futures.ThreadPoolExecutor(_WORKERS), options=[("grpc.so_reuseport", 0)])
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            _guarded(method), messages.of(f"{name}Req").FromString, _serialized
        )
        for name, method in mgmt_methods.items()
    }
    call = grpc.unary_unary_rpc_method_handler(
        _guarded(lambda payload, _: json.dumps(ctl_operation(json.loads(payload))).encode())
    )
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(MGMT, handlers),
            grpc.method_handlers_generic_handler(CTL, {"Call": call}),
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
    code = grpc.StatusCode.FAILED_PRECONDITION
    status = messages.status
    info = status.ErrorInfo(reason=failure.reason, domain=DOMAIN, metadata=failure.metadata)
    detail = status.Any(
        type_url="type.googleapis.com/google.rpc.ErrorInfo", value=info.SerializeToString()
    )
    packed = status.Status(code=code.value[0], message=str(failure), details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", packed.SerializeToString()),))
    context.abort(code, str(failure))
