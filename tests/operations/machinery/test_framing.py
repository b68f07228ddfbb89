"""The answer to a command, whatever a node prints besides."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.machinery.framing import ENDED, and_then, apart, framed, within

LINES = st.lists(st.text(st.characters(exclude_characters="\n")))
SHELLS = ["sh", "bash", "tcsh", "fish"]


def _comes(line: str, before: str = "", after: str = "") -> tuple[int, str, str]:
    """How a command ends, and its two streams as pyinfra gives them, line by line."""
    done = subprocess.run(["sh", "-c", framed(line)], capture_output=True, text=True, check=False)
    streams = (f"{before}{text}{after}" for text in (done.stdout, done.stderr))
    return done.returncode, *(text.removesuffix("\n") for text in streams)  # type: ignore[return-value]


@pytest.mark.parametrize("answer", ["", "a", "a\nb", "\na\n", "== a\n\n"])
@pytest.mark.parametrize(
    ("before", "after"), [("", ""), ("Quota exceeded", "bye"), ("Welcome\n\n", "\nbye\n")]
)
def test_an_answer_is_what_a_command_printed(answer: str, before: str, after: str) -> None:
    code, output, errors = _comes(f"printf %s '{answer}'; echo why >&2; exit 3", before, after)
    # pyinfra gives lines, so the last one has no end.
    assert (code, within(output)) == (3, answer.removesuffix("\n"))
    assert (within(errors) or "").startswith("why")


@given(LINES, LINES, LINES)
def test_any_text_before_and_after_is_none_of_it(
    before: list[str], answer: list[str], after: list[str]
) -> None:
    begin, end = re.findall(r"== daos-offline-update \w+ \w+", framed("true"))[1:]
    text = "\n".join([*before, "", begin, *answer, "", end, *after])
    assert within(text) == "\n".join(answer)


def test_a_command_that_never_began_gave_no_answer() -> None:
    assert within("Welcome to cluster X") is None


def test_an_answer_that_is_cut_short_is_what_came_of_it() -> None:
    _, output, _ = _comes("echo a; echo b; kill $$")
    assert within(output) == "a\nb"


@given(LINES)
def test_it_is_one_line_that_every_login_shell_reads_alike(lines: list[str]) -> None:
    told = framed("\n".join(lines))
    assert "\n" not in told
    assert "!" not in told  # csh and tcsh look for an older command there
    assert "\\\\" not in told  # fish has one backslash of it


@pytest.mark.parametrize("text", ["a!b", r"a\\b\n", "it's\n\n$HOME", "\\"])
@pytest.mark.parametrize("program", SHELLS)
def test_a_line_is_run_as_it_is(program: str, text: str) -> None:
    typed = f"sh -c {shlex.quote(framed(f'printf %s {shlex.quote(text)}'))}"  # as pyinfra does
    done = subprocess.run([program, "-c", typed], capture_output=True, text=True, check=True)
    assert within(done.stdout) == text


def test_a_login_script_that_prints_the_marks_of_another_run_prints_what_is_none() -> None:
    _, output, _ = _comes("echo yes", before="== daos-offline-update begins\nno\n")
    assert within(output) == "yes"


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("printf a", 0, "a"),
        ("echo a; exit 3", 3, "a\n"),
        ("false || exit 1\necho b", 1, ""),
        ("trap 'echo c' EXIT; echo '== ended 7'; true", 0, "== ended 7\nc\n"),
    ],
)
def test_what_a_line_did_is_told_apart_from_what_is_asked_after_it(
    line: str, code: int, said: str
) -> None:
    whole = and_then(line, "echo '== hostname'; echo n1; exit 4")
    ended, output, errors = _comes(whole)
    assert (ended, within(errors)) == (4, "")
    told = apart(within(output) or "")
    assert (told[0], told[1].rstrip("\n"), told[2]) == (code, said.rstrip("\n"), "== hostname\nn1")


@given(LINES, st.integers(0, 255), LINES)
def test_any_answers_are_told_apart(said: list[str], code: int, answer: list[str]) -> None:
    text = "\n".join([*said, f"{ENDED} {code}", *answer])
    assert apart(text) == (code, "\n".join(said), "\n".join(answer))


def test_what_stands_in_an_answer_forges_no_end_of_the_line_before() -> None:
    """As in a file of the user of daos_server, who may have seen the mark."""
    answer = f"== starts\n{ENDED} 0\n== hostname"
    assert apart(f"failed\n{ENDED} 1\n{answer}") == (1, "failed", answer)


def test_of_a_line_that_did_not_end_no_code_is_known() -> None:
    assert apart("a\nb") == (None, "a\nb", "")
