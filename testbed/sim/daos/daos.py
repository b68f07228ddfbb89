"""daos, the user's tool: the entry, which chooses the dialect of the installed release."""

from ..common import events, release


def main(argv: list[str]) -> int:
    """Returns the exit code: 0, or 1 where DAOS did not answer or refused (1.x has more)."""
    version = release.installed()
    if release.is_1_0(version):
        from .commands_1_0 import run
    elif release.layout(version) == 1:
        from .commands_1_2 import run
    else:
        from .commands import run
    return events.recorded("daos", run, argv)
