"""The one place where all is said: colours are pyinfra's, and nothing else has any effect."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ..fake_cluster import ROOT

_SAY = """
import logging, sys
import click
from pyinfra import logger
from pyinfra.api import output
from pyinfra_cli.log import setup_logging
from operations.machinery import terminal
from operations.rules import secrets
secrets.learn({"ssh_password": "s3cr3t-x"})
terminal.mend()
terminal.mend()
setup_logging(logging.INFO)
click.utils.should_strip_ansi = lambda *_: False  # as on a terminal
click.termui.should_strip_ansi = lambda *_: False
evil = sys.argv[1].encode().decode("unicode_escape")
say = {
    "log": lambda: logger.error(f"--> {evil}"),
    "log with words": lambda: logger.warning("it is %s", evil),
    "echo": lambda: click.echo(evil, err=True),
    "styled": lambda: click.echo(click.style(evil, "red"), err=True),
    "styled twice": lambda: click.secho(click.style(evil, bold=True) + evil, fg="red", err=True),
    "of the api": lambda: output.echo(output.format_text(evil, "green"), err=True),
}
say[sys.argv[2]]()
"""
WAYS = ("log", "log with words", "echo", "styled", "styled twice", "of the api")


def said(text: str, way: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _SAY, text.encode("unicode_escape"), way],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    assert done.stdout == b""
    return done.stderr.decode()


@pytest.mark.parametrize("way", WAYS)
def test_what_somebody_calls_something_is_shown_and_not_obeyed(way: str) -> None:
    output = said("a\x1b[2J\x1b[31m\x1b]0;t\x07\x9b\u202eb\r", way)
    assert r"a\x1b[2J\x1b[31m\x1b]0;t\x07\x9b\u202eb\r" in output
    for own in ("\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[1m", "\x1b[0m"):
        output = output.replace(own, "")
    assert not [it for it in output if it < " " and it != "\n"]
    assert "\x00" not in output


@pytest.mark.parametrize("way", ["styled", "styled twice", "of the api", "log"])
def test_colours_are_still_there(way: str) -> None:
    assert said("x", way).count("\x1b[") >= 2


@pytest.mark.parametrize("way", ["log", "log with words"])
def test_a_name_of_several_lines_forges_no_line_of_the_log(way: str) -> None:
    lines = said("a\n--> all is well", way).splitlines()
    assert not any(line.startswith("-->") and "well" in line for line in lines)
    assert any(line.lstrip().startswith("--> all is well") for line in lines)


@pytest.mark.parametrize("way", WAYS)
def test_no_password_is_said(way: str) -> None:
    output = said("n1 has s3cr3t-x", way)
    assert "n1 has PASSWORD" in output
    assert "s3cr3t" not in output
