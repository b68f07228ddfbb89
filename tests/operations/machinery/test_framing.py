"""The answer to a command, whatever a node prints besides."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.machinery.framing import framed, within

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
