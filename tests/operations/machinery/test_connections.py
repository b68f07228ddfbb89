"""What a node prints is read, whatever it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramiko.file import BufferedFile

from operations.machinery import connections


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
