"""The fragment for sudo: it allows what pyinfra runs, and names one user."""

from __future__ import annotations

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyinfra.api import StringCommand
from pyinfra.connectors.util import make_unix_command

from operations import sudoers
from operations.machinery.framing import framed


def test_what_pyinfra_runs_is_what_it_allows() -> None:
    told = make_unix_command(StringCommand(framed("rpm -q daos")), _sudo=True).get_raw_value()
    assert shlex.split(told)[:5] == ["sudo", "-H", "-n", "sh", "-c"]
    assert sudoers.SHELL == "/bin/sh -c *, /usr/bin/sh -c *"


def test_it_is_for_this_user_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert sudoers.main(["ops"]) == 0
    rules = [line for line in capsys.readouterr().out.splitlines() if line[0] != "#"]
    assert rules == ['Defaults:"ops" !requiretty', f'"ops" ALL = (root) NOPASSWD: {sudoers.SHELL}']


@pytest.mark.parametrize("words", [[], ["a", "b"], ["ALL"], ["%wheel"], ["a b"], ["#0"], ['a"']])
def test_what_is_no_user_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert sudoers.main(words) == 2
    assert not capsys.readouterr().out


@given(st.text(max_size=20))
def test_no_name_says_more_than_a_name(user: str) -> None:
    try:
        text = sudoers.fragment(user)
    except ValueError:
        return
    rules = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(rules) == 2
    assert all(re.search(rf'"{re.escape(user)}"', line) for line in rules)
