"""The release that this node's programs are of, and what releases mean to each other."""

import os

_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "VERSION")  # noqa: PTH118, PTH120, PTH100


def installed() -> str:
    """The version that the installed package carries, for example 2.0.3."""
    with open(_FILE) as file:  # noqa: PTH123 - pathlib costs a program of 20 ms another 10
        return file.read().strip()


def numbers(version: str) -> tuple[int, ...]:
    """2.0.3 as (2, 0, 3), for comparing."""
    return tuple(int(part) for part in version.split("."))


def series(version: str) -> str:
    """2.0.3 as 2.0."""
    return ".".join(version.split(".")[:2])


def layout(version: str) -> int:
    """The layout of the storage: 1.x and 2.x do not read each other's."""
    return numbers(version)[0]


def may_talk(client: str, server: str) -> bool:
    """Clients may differ from the servers by one minor release (stable minors are even)."""
    ours, theirs = numbers(client), numbers(server)
    return ours[0] == theirs[0] and abs(ours[1] - theirs[1]) <= 2
