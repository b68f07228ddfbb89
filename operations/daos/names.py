"""The names that DAOS gives, and lets users give: what is none ends where it is read. No I/O.

So nothing later has to ask what a name may do to a shell, or to a line of a log. Source:
daos_label_is_valid in src/include/daos_prop.h of DAOS v2.0 (a hyphen came with it).
"""

import re

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What could be a UUID is no label.
LABEL = re.compile(rf"^(?!(?i:{UUID.pattern})\Z)[A-Za-z0-9._:-]{{1,127}}\Z")
# Of packages, their releases and their dependencies; and of types of containers. Nothing in it
# means anything to a shell.
WORD = r"[\w.+~^:-]+"
_WORD = re.compile(WORD, re.ASCII)
# By its name, or by its address; with the label of its level of the fault domain.
_HOST = re.compile(r"(?!-)[\w.:=\[\]%-]{1,255}")
_LONG = 80  # characters of what is none that are shown


def uuid(text: object) -> str:
    """A UUID, in small letters. Raises ValueError for what is none, as the others here do."""
    return _checked(text, isinstance(text, str) and UUID.fullmatch(text.lower()), "UUID").lower()


def label(text: object) -> str:
    """The label of a pool or container; "" for none."""
    return _checked(text, text == "" or (isinstance(text, str) and LABEL.match(text)), "label")


def host(text: object) -> str:
    """The name or the address of a server."""
    return _checked(text, isinstance(text, str) and _HOST.fullmatch(text), "name of a host")


def word(text: object) -> str:
    """One word of letters, digits and what stands in versions."""
    return _checked(text, isinstance(text, str) and _WORD.fullmatch(text), "name")


def rank(number: object) -> int:
    """The number of a rank."""
    if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
        return number
    raise ValueError(f"{_shown(number)} is no rank")


def _checked(text: object, good: object, kind: str) -> str:
    if good and isinstance(text, str):
        return text
    raise ValueError(f"{_shown(text)} is no {kind}")


def _shown(text: object) -> str:
    said = ascii(text)
    return said if len(said) <= _LONG else f"{said[:_LONG]}..."
