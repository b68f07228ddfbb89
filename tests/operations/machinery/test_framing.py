"""The answer to a command, whatever a node prints besides."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.machinery.framing import framed, within

LINES = st.lists(st.text(st.characters(exclude_characters="\n")))


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
    begin, end = framed("true").split("'")[3], framed("true").split("'")[-2]
    text = "\n".join([*before, "", begin, *answer, "", end, *after])
    assert within(text) == "\n".join(answer)


def test_a_command_that_never_began_gave_no_answer() -> None:
    assert within("Welcome to cluster X") is None


def test_an_answer_that_is_cut_short_is_what_came_of_it() -> None:
    _, output, _ = _comes("echo a; echo b; kill $$")
    assert within(output) == "a\nb"
