"""dmg, the administrator's tool: the entry, which chooses the dialect of the installed release."""

from collections.abc import Callable

from ..common import events, release


def main(argv: list[str]) -> int:
    """Returns the exit code: 0 where a service answered and nothing failed, otherwise 1."""
    return events.recorded("dmg", dialect(), argv)


def dialect() -> Callable[[list[str]], int]:
    """What does a command line as the installed release does, loaded."""
    if release.is_1_0(release.installed()):
        from .commands_1_0 import run
    else:
        from .commands import run
    return run
