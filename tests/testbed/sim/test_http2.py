"""A gRPC call by hand, to a peer that answers with frames as gRPC's own server sends them."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from testbed.sim.protocol.http2 import Broken, Call

Frame = tuple[int, int, int, bytes]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW = 0, 1, 3, 4, 6, 7, 8
MESSAGE = b"\0\0\0\0\x05hello"
# :status 200, by its number; content-type, to be remembered; grpc-status and one that ends in -bin.
FIRST = b"\x20\x88\x5f\x10application/grpc"
STATUS = b"\x40\x0bgrpc-status\x010"
DETAILS = b"\x00\x17grpc-status-details-bin\x7f\x03\0" + b"x" * 129


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def frames(data: bytes) -> Iterator[Frame]:
    while data:
        size = int.from_bytes(data[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", data[3:9])
        yield kind, flags, stream, data[9 : 9 + size]
        data = data[9 + size :]


def call(answer: bytes, message: bytes = b"ask", timeout: float = 10) -> tuple[Call, Future[bytes]]:
    """A call to a peer that answers so, and what the peer gets until the caller is done."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> bytes:
        with listener, listener.accept()[0] as connection:
            connection.sendall(answer)
            if not answer:  # it is there, and silent
                connection.settimeout(timeout + 5)
            else:
                connection.shutdown(socket.SHUT_WR)
            got = b""
            while data := connection.recv(65536):
                got += data
            return got

    pool = ThreadPoolExecutor(1)
    got = pool.submit(serve)
    pool.shutdown(wait=False)
    port = listener.getsockname()[1]
    return Call(f"127.0.0.1:{port}", "/a.B/C", message, timeout, (("k", "v"),)), got


def test_an_answer_in_pieces_is_put_together() -> None:
    answer = (
        frame(SETTINGS, 0, 0) + frame(WINDOW, 0, 0, b"\0\0\0\1") + frame(PING, 0, 0, b"12345678")
    )
    answer += frame(HEADERS, 4, 1, FIRST)
    answer += frame(DATA, 0, 1, MESSAGE[:7]) + frame(DATA, 0, 1, MESSAGE[7:])
    # grpc-status was not remembered yet, content-type was: the newest has number 62
    answer += frame(HEADERS, 5, 1, STATUS + b"\xbf" + DETAILS)
    asked, got = call(answer)
    message, headers = asked.answer()
    assert message == b"hello"
    assert headers["grpc-status"] == b"0"
    assert headers["grpc-status-details-bin"] == b"\0" + b"x" * 129
    sent = got.result()
    assert sent.startswith(PREFACE)
    settings, window, request, body, *acks = frames(sent.removeprefix(PREFACE))
    assert (settings[0], window[0], request[:3], body[:3]) == (
        *(SETTINGS, WINDOW),
        *((HEADERS, 4, 1), (DATA, 1, 1)),
    )
    assert b"\x05:path\x06/a.B/C" in request[3]
    assert b"\x01k\x01v" in request[3]
    assert body[3] == b"\0\0\0\0\x03ask"
    assert acks == [(SETTINGS, 1, 0, b""), (PING, 1, 0, b"12345678")]


def test_a_large_request_is_sent_in_frames_that_every_peer_takes() -> None:
    asked, got = call(frame(HEADERS, 5, 1, STATUS), b"x" * 40000)
    asked.answer()
    bodies = [f for f in frames(got.result().removeprefix(PREFACE)) if f[0] == DATA]
    assert [(flags, len(body)) for _, flags, _, body in bodies] == [
        (0, 16384),
        (0, 16384),
        (1, 40005 - 2 * 16384),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        frame(SETTINGS, 0, 0),
        frame(HEADERS, 4, 1, FIRST) + frame(DATA, 0, 1, MESSAGE),
        frame(RESET, 0, 1, b"\0\0\0\x07"),
        frame(GOAWAY, 0, 0, b"\0" * 8),
        frame(HEADERS, 5, 1, b"\xc8"),  # a number that was never given
    ],
)
def test_an_answer_that_does_not_come_to_its_end_is_none(answer: bytes) -> None:
    with pytest.raises(Broken):
        call(answer)[0].answer()


def test_silence_ends_with_the_deadline() -> None:
    with pytest.raises(TimeoutError):
        call(b"", timeout=0.2)[0].answer()


def test_nobody_there_is_told_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        Call(f"127.0.0.1:{port}", "/a.B/C", b"", 5)
