"""The site's own commands: there, and such that they can be run."""

from collections.abc import Iterator

from ..machinery import local_command
from ..machinery.settings import Settings
from ..rules.findings import Finding


def findings(settings: Settings) -> Iterator[Finding]:
    """Commands that cannot be run."""
    for event, commands in settings.hooks.items():
        for words in commands:
            if problem := local_command.unusable(words):
                message = f"hooks[{event!r}]: {problem}: correct it in group_data/all.py"
                yield Finding("bad-setting", (), message)
