"""What two programs say to each other over a socket."""

import socket

import pytest

from testbed.sim.common.wire import Closed, Wire


def test_bytes_travel_wherever_they_are() -> None:
    here, there = (Wire(end) for end in socket.socketpair())
    message = {"calls": [["write", b"/\xff\n", b"", 3, None]], "b": {"data": bytes(range(256))}}
    here.send(**message)
    assert there.receive() == message


def test_what_cannot_be_sent_is_refused() -> None:
    here, there = (Wire(end) for end in socket.socketpair())
    with pytest.raises(TypeError, match="object cannot be sent"):
        here.send(what=object())
    there.close()
    with pytest.raises(Closed):
        here.ask(op="anything")
