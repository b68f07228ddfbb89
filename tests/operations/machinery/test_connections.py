"""Connections: what a node prints is read, nobody is asked, and a failure is about one node."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramiko.file import BufferedFile
from pyinfra.api import Host
from pyinfra.api.exceptions import ConnectError, DeployError, PyinfraError
from pyinfra.connectors import ssh, ssh_util
from pyinfra.connectors.sshuserclient.config import SSHConfig
from pyinfra.connectors.util import CommandOutput, OutputLine

from operations.machinery import commandline, connections, host_keys


@pytest.fixture(autouse=True, scope="module")
def mended() -> None:
    connections.mend()


class _Answer(BufferedFile):
    """What paramiko reads from a connection."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._content = content
        self._set_mode("r")  # type: ignore[attr-defined]

    def _read(self, size: int) -> bytes:
        part, self._content = self._content[:size], self._content[size:]
        return part


@given(st.lists(st.binary().filter(lambda line: b"\n" not in line and b"\r" not in line)))
def test_bytes_that_are_no_text_cut_no_answer_short(lines: list[bytes]) -> None:
    content = b"".join(line + b"\n" for line in [*lines, b"== end"])
    read = list(_Answer(content))
    assert len(read) == len(lines) + 1
    assert read[-1] == "== end\n"


def test_a_byte_that_is_no_text_is_told_as_what_it_is() -> None:
    assert connections.text(b"na\xefve\n") == "na\\xefve\n"
    assert connections.text("naïve".encode()) == "naïve"


def test_sudo_that_wants_a_password_is_not_obeyed() -> None:
    wants = CommandOutput([OutputLine("stderr", "sudo: a password is required")])
    calls: list[int] = []
    found = ssh.execute_command_with_sudo_retry(None, {}, lambda: calls.append(1) or (1, wants))  # type: ignore
    assert (found, calls) == ((1, wants), [1])


@pytest.mark.parametrize("dry", [True, False])
def test_without_somebody_to_answer_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch, dry: bool
) -> None:
    monkeypatch.setitem(commandline._typed, "dry", dry)
    monkeypatch.setattr(sys, "stdin", open("/dev/ptmx") if dry else io.StringIO("y\n"))  # noqa: PTH123, SIM115
    assert sys.stdin.isatty() == dry
    assert not host_keys.somebody_is_there()
    with pytest.raises(PyinfraError, match="ssh-agent"):
        ssh_util.getpass("passphrase")


def test_a_question_to_nobody_is_no_consent() -> None:
    def ask(message: str) -> bool:
        raise EOFError

    with pytest.raises(DeployError, match="Type -y"):
        connections.confirming(ask)("execute?")
    assert connections.confirming(lambda message: True)("execute?")


BASTION = """
Host bastion
  HostName 127.0.0.1
  ProxyJump none
Host *
  ProxyJump bastion
"""


def test_a_bastion_is_reached_without_itself() -> None:
    config = SSHConfig()
    config.parse(io.StringIO(BASTION))
    assert "proxyjump" not in config.lookup("bastion")
    assert config.lookup("n1")["proxyjump"] == "bastion"


@pytest.mark.parametrize(
    "problem", [RecursionError("deep"), UnicodeDecodeError("utf-8", b"", 0, 1, "")]
)
def test_whatever_goes_wrong_with_a_connection_is_about_its_node(
    monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    def fails(self: Any) -> None:
        raise problem

    monkeypatch.setattr(ssh.SSHConnector, "_connect", fails)
    connector = object.__new__(ssh.SSHConnector)
    connector.host = object.__new__(Host)
    connector.data = {"ssh_connect_retries": 0}  # type: ignore[typeddict-item]
    with pytest.raises(ConnectError):
        connector.connect()


def test_a_connection_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh.SSHConnector, "_connect", lambda self: pytest.fail("it is tried"))
    connector = object.__new__(ssh.SSHConnector)
    connector.host = object.__new__(Host)
    connector.data = {"ssh_connect_retries": -1}  # type: ignore[typeddict-item]
    with pytest.raises(ConnectError, match="ssh_connect_retries"):
        connector.connect()
