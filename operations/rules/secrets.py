"""Passwords: what is told to people and written to reports has a word in the place of each."""

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

WORD = "PASSWORD"  # stands in the place of each

# pyinfra's own options that have one, and whatever is called like one.
_OPTIONS = ("--ssh-password", "--password", "--ssh-key-password", "--key-password")
_NAME = re.compile(r"pass(w|phrase|$)|secret|token|paramiko_connect_kwargs", re.IGNORECASE)

_IN_URL = re.compile(r"(\w://[^\s/:@'\"]*):[^\s/'\"]*@")
# How pyinfra tells sudo and su, as a process list of a node has it.
_IN_ENVIRONMENT = re.compile(r"(PYINFRA_SU(?:DO)?_PASSWORD=)('[^']*'|\S+)")
# What stands in a file: ssh_password = "...", "api_token": '...'.
_ASSIGNED = re.compile(
    r"""(\b\w*(?:pass(?:w\w*|phrase\w*)?|secret\w*|token\w*)["']?\s*[:=]\s*)"""
    r"""("|')(?:\\.|(?!\2).)*\2""",
    re.IGNORECASE,
)
_PRIVATE_KEY = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_LEAST = 4  # what is shorter is found in words of all kinds

_learnt: set[str] = set()


def is_one(name: str) -> bool:
    """Whether what has this name is a password, or has one in it."""
    return _NAME.search(name) is not None


def learn(data: Mapping[str, Any]) -> None:
    """Remember what is a password among these, by their names, wherever it is told again."""
    for name, value in data.items():
        if is_one(name):
            _learnt.update(_spellings(value))


def _spellings(value: Any) -> set[str]:
    if value is None or isinstance(value, bool):  # --same-sudo-password is a flag
        return set()
    if isinstance(value, Mapping):
        return set().union(*(_spellings(it) for name, it in value.items() if is_one(str(name))))
    text = str(value)
    if len(text) < _LEAST:
        return set()
    return {text, shlex.quote(text), repr(text)[1:-1], json.dumps(text)[1:-1], quote(text)}


def learnt() -> int:
    """How many spellings of passwords are known by now; they are never forgotten."""
    return len(_learnt)


def masked(text: str) -> str:
    """A text without the passwords that are known, and without those in URLs."""
    if "://" in text:
        text = _IN_URL.sub(rf"\1:{WORD}@", text)
    if "PYINFRA_SU" in text:
        text = _IN_ENVIRONMENT.sub(rf"\1{WORD}", text)
    for one in sorted(_learnt, key=len, reverse=True):
        if one in text:  # not within the name of a node
            text = re.sub(rf"(?<![\w.-]){re.escape(one)}(?![\w-])", WORD, text)
    return text


def of_text(text: str) -> str:
    """A file of a site, without what is a password there by its name, and without private keys."""
    text = _PRIVATE_KEY.sub(WORD, masked(text))
    return _ASSIGNED.sub(rf"\1\2{WORD}\2", text)


def of_command(words: Iterable[str]) -> list[str]:
    """The words of a command for pyinfra, without the passwords that stand in it."""
    found: list[str] = []
    before = ""
    for word in words:
        if before in _OPTIONS:
            shown = WORD
        elif before == "--data":
            shown = assignment(word)
        else:
            option, equals, value = word.partition("=")
            shown = word
            if equals and option in _OPTIONS:
                shown = f"{option}={WORD}"
            elif equals and option == "--data":
                shown = f"{option}={assignment(value)}"
        # The value of an option is not an option itself.
        before = "" if before in (*_OPTIONS, "--data") else word
        found.append(masked(shown))
    return found


def assignment(item: str) -> str:
    """What follows `--data`, NAME=VALUE, without the password that it gives."""
    name = re.match(r"\w*", item)
    assert name
    if is_one(name[0]) and name[0] != item:
        return f"{name[0]}={WORD}"
    return masked(item)
