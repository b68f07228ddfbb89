r"""What is said, such that a terminal shows it and does not obey it. No I/O.

Names of files, jobs and processes are anybody's: they may hold what clears a screen, writes over
the line before, or turns the rest of a line round. All of that is written as in a string of Python.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# By Unicode: what controls, what is not seen (zero-width, or for the direction of text), halves of
# characters (bytes that were no UTF-8), and what ends a line besides \n.
_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_PLAIN = {"\n", "\t"}
_MOST = 20  # things that are named in a sentence
_BEGINS = re.compile(r"\n(?=\S)")


def visible(text: str) -> str:
    r"""A text with what is not to be seen as \x1b or \u202e; lines and tabs are as they were."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n")
    return "".join(
        character
        if character in _PLAIN or unicodedata.category(character) not in _CATEGORIES
        else _written(character)
        for character in text
    )


def in_one_piece(text: str) -> str:
    """The same for a message: what comes after its first line stands below it, and looks so."""
    return _BEGINS.sub("\n    ", visible(text))


def in_line(text: str) -> str:
    r"""The same for what stands within a line: a name makes no line of its own."""
    return visible(text).replace("\n", r"\n").replace("\t", r"\t")


def some(words: Sequence[str]) -> str:
    """A list in a sentence, as far as somebody reads it: one user may start thousands."""
    more = len(words) - _MOST
    return ", ".join(words[:_MOST]) + (f" and {more} more" if more > 0 else "")


def everywhere(content: Any, show: Callable[[str], str] = visible) -> Any:
    """The same for all texts in what is about to be written as JSON.

    + show: what is done with each, but for keys
    """
    if isinstance(content, str):
        return show(content)
    if isinstance(content, int | float) or content is None:  # before what takes longer to tell
        return content
    if isinstance(content, dict | Mapping):
        return {everywhere(key): everywhere(value, show) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [everywhere(value, show) for value in content]
    return content


def _written(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte, see `mount_points`
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return {"\r": r"\r"}.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
