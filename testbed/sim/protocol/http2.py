"""One gRPC call over HTTP/2, by hand: a connection, a request, an answer.

gRPC's own client takes 100 ms of a processor to be imported, and dmg is started for every question.
Sources: RFC 9113 (HTTP/2), RFC 7541 (its headers), "gRPC over HTTP2" of the gRPC project. What a
gRPC server does not send, it does not understand either: padding, priorities, headers in pieces.
"""

import socket
import struct
import time
from collections.abc import Iterable

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _WINDOW = 0, 1, 3, 4, 6, 8
_END_STREAM, _ACK, _END_HEADERS, _PADDED, _PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
_STREAM = 1
_MOST = 2**31 - 1  # the answer may be of any size, without a word from here
# SETTINGS_INITIAL_WINDOW_SIZE, and gRPC's own: headers that end in -bin may come as they are.
_WISHES = struct.pack(">HIHI", 0x4, _MOST, 0xFE03, 1)
_FRAME = 16384  # bytes that any peer takes at once
_STATIC = 61  # headers that have numbers once and for all; gRPC's own are none of them


class Broken(OSError):
    """The connection ended, or what came by it is no answer."""


class Call:
    """A call at "host:port", whose request is sent. Raises OSError.

    + timeout: seconds for all of it
    """

    def __init__(
        self,
        address: str,
        path: str,
        message: bytes,
        timeout: float,
        metadata: Iterable[tuple[str, str]] = (),
    ) -> None:
        self._until = time.monotonic() + timeout
        host, _, port = address.rpartition(":")
        self._connection = socket.create_connection((host, int(port)), timeout)
        self._stream = self._connection.makefile("rb")
        self._numbered: list[tuple[str, bytes]] = []
        self._headers: dict[str, bytes] = {}
        self._body = b""
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", address),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("grpc-timeout", f"{timeout * 1000:.0f}m"),
            *metadata,
        ]
        self._send(
            _PREFACE
            + _frame(_SETTINGS, 0, 0, _WISHES)
            + _frame(_WINDOW, 0, 0, struct.pack(">I", _MOST - 65535))
            + _frame(_HEADERS, _END_HEADERS, _STREAM, b"".join(map(_literal, headers)))
            + _data(struct.pack(">BI", 0, len(message)) + message)
        )

    def answer(self) -> tuple[bytes, dict[str, bytes]]:
        """Wait for the message, and the headers with the trailers. Raises OSError."""
        try:
            while not self._ended():
                pass
        finally:
            self._stream.close()
            self._connection.close()
        return self._body[5:], self._headers

    def _ended(self) -> bool:
        """Take one frame; whether it was the last one of the answer."""
        kind, flags, stream, payload = self._frame()
        if kind in (_SETTINGS, _PING) and not flags & _ACK:
            self._send(_frame(kind, _ACK, 0, payload if kind == _PING else b""))
        if stream != _STREAM or kind not in (_DATA, _HEADERS, _RESET):
            return False
        if kind == _RESET or flags & (_PADDED | (_PRIORITY if kind == _HEADERS else 0)):
            raise Broken("the call was reset, or its answer is of an unknown kind")
        if kind == _DATA:
            self._body += payload
        elif flags & _END_HEADERS:
            self._read_headers(payload)
        else:
            raise Broken("headers came in pieces")
        return bool(flags & _END_STREAM)

    def _frame(self) -> tuple[int, int, int, bytes]:
        """Kind, flags, stream and payload of the next frame."""
        high, low, kind, flags, stream = struct.unpack(">BHBBI", self._read(9))
        return kind, flags, stream, self._read(high << 16 | low)

    def _read(self, size: int) -> bytes:
        self._connection.settimeout(max(0.001, self._until - time.monotonic()))
        data = self._stream.read(size)
        if len(data) < size:
            raise Broken("the connection was closed")
        return data

    def _send(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except OSError:
            self._connection.close()
            raise

    def _read_headers(self, block: bytes) -> None:
        """Read a block of headers; those that get a number may be named by it later."""
        rest = block
        while rest:
            first = rest[0]
            if first & 0x80:
                number, rest = _number_in(rest, 7)
                name, value = self._by_number(number)
            elif first & 0xE0 == 0x20:  # how many headers the other side will remember
                _, rest = _number_in(rest, 5)
                continue
            else:
                number, rest = _number_in(rest, 6 if first & 0x40 else 4)
                name = self._by_number(number)[0] if number else ""
                if not number:
                    text, rest = _string_in(rest)
                    name = text.decode()
                value, rest = _string_in(rest)
                if first & 0x40:
                    self._numbered.insert(0, (name, value))
            self._headers[name] = value

    def _by_number(self, number: int) -> tuple[str, bytes]:
        if number <= _STATIC:
            return f"header {number}", b""
        try:
            return self._numbered[number - _STATIC - 1]
        except IndexError:
            raise Broken(f"header {number} is not known") from None


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    size = len(payload)
    return struct.pack(">BHBBI", size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def _data(body: bytes) -> bytes:
    pieces = [body[at : at + _FRAME] for at in range(0, len(body), _FRAME)]
    last = len(pieces) - 1
    return b"".join(
        _frame(_DATA, _END_STREAM if number == last else 0, _STREAM, piece)
        for number, piece in enumerate(pieces)
    )


def _literal(header: tuple[str, str]) -> bytes:
    """A header in plain words, which neither side has to remember."""
    return b"\0" + b"".join(_number(len(text)) + text.encode() for text in header)


def _number(value: int) -> bytes:
    """A number in 7 bits, or more bytes where that is not enough."""
    if value < 127:
        return bytes([value])
    rest = value - 127
    more = [127]
    while rest > 127:
        more.append(rest & 127 | 128)
        rest >>= 7
    return bytes([*more, rest])


def _number_in(data: bytes, bits: int) -> tuple[int, bytes]:
    """A number that begins in the last bits of the first byte, and what comes after it."""
    most = (1 << bits) - 1
    value, at = data[0] & most, 1
    if value == most:
        shift = 0
        while True:
            value += (data[at] & 127) << shift
            at, shift = at + 1, shift + 7
            if data[at - 1] < 128:
                break
    return value, data[at:]


def _string_in(data: bytes) -> tuple[bytes, bytes]:
    """A string, and what comes after it. One in Huffman's code is not read: b"" stands for it.

    gRPC writes none of its own headers so; without its status no answer is a good one.
    """
    size, rest = _number_in(data, 7)
    return b"" if data[0] & 0x80 else rest[:size], rest[size:]
