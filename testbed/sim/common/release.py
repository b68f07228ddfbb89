"""The release that this node's programs are of, and what releases mean to each other."""

import os

_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "VERSION")  # noqa: PTH118, PTH120, PTH100


def installed() -> str:
    """The version that the installed package carries, for example 2.0.3."""
    with open(_FILE) as file:  # noqa: PTH123 - pathlib costs a program of 20 ms another 10
        return file.read().strip()


def installation() -> tuple[int, int] | None:
    """What is installed, as other than before or after; None where it is being removed."""
    try:
        found = os.stat(_FILE)  # noqa: PTH116
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def numbers(version: str) -> tuple[int, ...]:
    """2.0.3 as (2, 0, 3), for comparing."""
    return tuple(int(part) for part in version.split("."))


def since(version: str, first: str) -> bool:
    """Is a version this one or later?"""
    return numbers(version) >= numbers(first)


def series(version: str) -> str:
    """2.0.3 as 2.0."""
    return ".".join(version.split(".")[:2])


def is_1_0(version: str) -> bool:
    """Is it of the first series, whose programs speak otherwise than those of 1.2?"""
    return series(version) == "1.0"


def engine_program(version: str) -> str:
    """The name that a process of an engine has."""
    return "daos_io_server" if is_1_0(version) else "daos_engine"


def stop_kills(version: str) -> bool:
    """Does `dmg system stop` kill engines that nobody has prepared, whatever is typed?

    Source: SystemStop in src/control/lib/control/system.go of v2.6.3.
    """
    return since(version, "2.6.3")


def excluded_stays(version: str) -> bool:
    """Does a rank that is excluded stay so when the system is stopped?

    Source: isTransitionIllegal in src/control/system/member.go of v2.6.5.
    """
    return since(version, "2.6.5")


def pool_layout(version: str) -> int:
    """The layout of the pools that it makes; 2.0 counts none.

    Source: DAOS_POOL_GLOBAL_VERSION in src/include/daos/pool.h of each series.
    """
    minor = numbers(version)[1]
    return minor // 2 if layout(version) > 1 else 0


def layout(version: str) -> int:
    """The layout of the storage: 1.x and 2.x do not read each other's."""
    return numbers(version)[0]


def may_talk(client: str, server: str) -> bool:
    """Clients may differ from the servers by one minor release (stable minors are even).

    Not so in 1.x: 1.0 and 1.2 do not understand each other.
    """
    ours, theirs = numbers(client), numbers(server)
    return ours[0] == theirs[0] and abs(ours[1] - theirs[1]) <= (2 if ours[0] > 1 else 0)
