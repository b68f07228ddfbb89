"""The shell of a simulated node, as far as the deploy code speaks it.

It knows phrases: what one command does, found by how it is written. What is no phrase ends the
test: a command that nobody has thought of must not seem to succeed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .node import Node


class Unknown(Exception):
    """A command that the simulation does not know, or a part of one; it has to be taught."""


class Lost(Exception):
    """The node, or the connection to it, is gone while the command runs."""


class Answer(NamedTuple):
    """What a command has printed, and its exit code."""

    code: int = 0
    out: str = ""
    err: str = ""


@dataclass
class Session:
    """One command that runs on a node.

    + node: where
    + connection: the number of the connection that it came by; 0 for none
    + wait: waits until something is so of a part of the cluster, as long as the connection lasts
    """

    node: Node
    connection: int = 0
    wait: Callable[..., None] = lambda *_: None
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    code: int = 0

    def answer(self) -> Answer:
        """What has been printed so far."""
        return Answer(self.code, "".join(self.out), "".join(self.err))


Do = Callable[..., "int | None"]
"""Does what a phrase says, given the session and what the phrase names; its exit code."""

QUOTED = r"((?:'[^']*'|\"'\"|[\w@%+=:,./\[\]*-]+)+)"  # as shlex.quote writes a word
_JOINERS = re.compile(r"( && | \|\| exit 1\n| \|\| |; |\n+)")
_phrases: dict[str, list[tuple[re.Pattern[str], Do]]] = {}


def phrase(first: str, form: str) -> Callable[[Do], Do]:
    """Teach what a phrase does.

    + first: how it begins; of the phrases that begin alike the one that fits counts
    + form: all of it, as a regular expression; its groups are what the function gets
    """

    def teach(do: Do) -> Do:
        compiled = re.compile(re.escape(first) + form, re.DOTALL)
        alike = _phrases.setdefault(first[:3], [])
        alike.append((compiled, do))
        alike.sort(key=lambda known: -len(known[0].pattern))  # what says more is tried first
        return do

    return teach


def unquoted(word: str) -> str:
    """A word as it was before shlex.quote."""
    if not word.startswith("'"):
        return word
    return word[1:-1].replace("'\"'\"'", "'")


class _Part(NamedTuple):
    joiner: str
    do: Do
    given: tuple[str, ...]


@lru_cache(maxsize=2048)
def parts(text: str) -> tuple[_Part, ...]:
    """The phrases of a command. Raises Unknown."""
    found: list[_Part] = []
    position, joiner = 0, ""
    text = text.strip("\n")
    while position < len(text):
        do, match = _phrase_at(text, position)
        found.append(_Part(joiner, do, tuple(match.groups())))
        position = match.end()
        if position < len(text):
            joined = _JOINERS.match(text, position)
            if not joined:
                raise Unknown(f"after `{match[0][-60:]}` comes `{text[position : position + 60]}`")
            joiner, position = joined[1], joined.end()
    return tuple(found)


def _phrase_at(text: str, position: int) -> tuple[Do, re.Match[str]]:
    for form, do in _phrases.get(text[position : position + 3], ()):
        if match := form.match(text, position):
            return do, match
    raise Unknown(f"the simulation does not know `{text[position : position + 300]}`")


def run(session: Session, text: str, between: Callable[[int, int], None] | None = None) -> int:
    """Run a command; returns its exit code.

    + between: is called between two phrases, with the number of the next one and that of all
    Raises Unknown, before anything is done; and Lost.
    """
    found = parts(text)
    code = 0
    for number, part in enumerate(found):
        if (part.joiner == " && " and code) or (part.joiner == " || " and not code):
            continue
        if part.joiner == " || exit 1\n" and code:
            return 1
        if between and number:
            between(number, len(found))
        code = part.do(session, *part.given) or 0
    return code
