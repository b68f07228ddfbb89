"""The shell of a simulated node: phrases, what joins them, and what it does not know."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.simulation import build
from testbed.simulation.hand import typed
from testbed.simulation.node import Node
from testbed.simulation.shell import Session, Unknown, run, unquoted

PLAIN = build.simple(1, 1, 1).nodes["daos-server-01"]
FULL, GOOD = "/full/file", "/tmp/file"


@pytest.fixture
def node() -> Node:
    made = build.simple(1, 1, 1).nodes["daos-server-01"]
    made.files.full.add("/full/")
    return made


FAILS, WORKS = f"printf %s text > {FULL}", f"printf %s text > {GOOD}"


@pytest.mark.parametrize(
    "line",
    [
        f"{WORKS} && reboot",
        f"{WORKS}; cat {GOOD} | tail",
        f"{WORKS}\nsystemctl poweroff",
        f"{WORKS} | true",
        "dmg -j system cleanup",
        "dmg system stop",
        "systemctl stop daos_server sshd",
        "sh -c 'echo \"== hostname\"'",
    ],
)
def test_what_is_not_known_is_told_before_anything_is_done(node: Node, line: str) -> None:
    with pytest.raises(Unknown):
        typed(node, line)
    assert GOOD not in node.files


@pytest.mark.parametrize(
    ("line", "code", "written"),
    [
        (f"true && {WORKS}", 0, True),
        (f"{FAILS} && {WORKS}", 1, False),
        (f"{FAILS}; {WORKS}", 0, True),
        (f"{FAILS}\n{WORKS}", 0, True),
        (f"{FAILS} || exit 1\n{WORKS}", 1, False),
        (f"true || exit 1\n{WORKS}", 0, True),
        (f"{FAILS} || {WORKS}", 0, True),
        (f"true || {WORKS}", 0, False),
        (f"{FAILS} && true && {WORKS}", 1, False),
        (f"{FAILS} && true; {WORKS}", 0, True),
        (f"{WORKS} && {FAILS}", 1, True),
    ],
)
def test_phrases_are_joined_as_sh_joins_them(
    node: Node, line: str, code: int, written: bool
) -> None:
    assert typed(node, line).code == code
    assert (GOOD in node.files) == written


def test_between_two_phrases_somebody_is_told(node: Node) -> None:
    told: list[tuple[int, int]] = []
    run(Session(node), "true && true; true", lambda number, of: told.append((number, of)))
    assert told == [(1, 3), (2, 3)]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_a_word_is_read_as_shlex_has_quoted_it(word: str) -> None:
    assert unquoted(shlex.quote(word)) == word


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_any_text_is_written_as_it_is(word: str) -> None:
    assert typed(PLAIN, f"printf %s {shlex.quote(word)} > {GOOD} && cat {GOOD}").out == word


def test_who_waits_for_what_never_happens_gives_it_up(node: Node) -> None:
    node.tell("dmg_slow", 10.0)
    admin = node.cluster.nodes["daos-admin-01"]
    admin.tell("dmg_slow", 10.0)
    with pytest.raises(TimeoutError):
        typed(admin, "dmg -j system query", patience=5.0)
    assert typed(admin, "dmg -j system query", patience=15.0).code == 0
