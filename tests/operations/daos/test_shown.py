"""What is said: a terminal shows it and does not obey it."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from operations.daos.shown import everywhere, in_line, in_one_piece, some, visible

ANY = st.text(st.characters())  # halves of characters, too


@given(ANY)
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    for character in visible(text):
        assert (
            character in "\n\t"
            or unicodedata.category(character)[0] not in "C"
            or (unicodedata.category(character) in ("Co", "Cn"))
        )
    visible(text).encode()  # no halves of characters
    assert not set(in_line(text)) & set("\n\t\r\x85\u2028\u2029")


@given(ANY)
def test_what_was_made_visible_stays_as_it_is(text: str) -> None:
    assert visible(visible(text)) == visible(text)
    assert in_one_piece(in_one_piece(text)) == in_one_piece(text)


@given(ANY)
def test_no_line_of_a_message_looks_like_another_message(text: str) -> None:
    assert all(line[:1].isspace() or not line for line in in_one_piece(text).split("\n")[1:])


def test_it_is_written_as_a_string_of_python_is() -> None:
    assert visible("a\x1b[2Jb\x07\r\x9b\u202ec\u200b\udcff\x7f") == (
        r"a\x1b[2Jb\x07\r\x9b\u202ec\u200b\xff\x7f"
    )
    assert visible("tank é 日本 \t\n") == "tank é 日本 \t\n"
    assert visible("two\r\nlines") == "two\nlines"
    assert in_line("a\n--> all is well") == r"a\n--> all is well"


def test_so_is_all_that_is_written_down() -> None:
    assert everywhere({"\x1b": ["\x07", ("\udcff", 1, None)]}) == {
        r"\x1b": [r"\x07", [r"\xff", 1, None]]
    }


def test_nobody_reads_a_list_of_thousands() -> None:
    assert some(["a", "b"]) == "a, b"
    assert some([]) == ""
    listed = some([f"p{number}" for number in range(5000)])
    assert listed.endswith("p19 and 4980 more")
    assert len(listed) < 200
