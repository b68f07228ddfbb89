"""dmg, the administrator's tool: the entry, which chooses the dialect of the installed release."""

from ..common import events, release


def main(argv: list[str]) -> int:
    """Returns the exit code: 0 where a service answered and nothing failed, otherwise 1."""
    if release.is_1_0(release.installed()):
        from .commands_1_0 import run
    else:
        from .commands import run
    return events.recorded("dmg", run, argv)
