"""Who has typed the command, and from where."""

from __future__ import annotations

import getpass
import json
import os
import socket
import subprocess
import sys

import pytest

from operations.reporting import people

_SAYS = "import json; from operations.reporting import people; print(json.dumps(people.who()))"


def test_who_has_become_root_by_sudo_is_known_by_both_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SUDO_USER", "alice")
    who = people.who()
    assert (who["user"], who["login"]) == (getpass.getuser(), "alice")
    assert who["host"] == socket.gethostname()


def test_from_where_they_have_logged_in_is_known_though_sudo_takes_it_away() -> None:
    """A process above has it still."""
    inner = f"env -u SSH_CONNECTION {sys.executable} -c '{_SAYS}'; true"
    environment = {**os.environ, "SSH_CONNECTION": "192.0.2.7 4711 192.0.2.1 22"}
    said = subprocess.run(
        ["sh", "-c", inner], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(said.stdout)["client"] == "192.0.2.7"
