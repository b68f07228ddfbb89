"""One run of a stage of a migration: a run, and what the stages of before remember."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pyinfra.api import State

from ..machinery.migration_settings import MigrationSettings
from ..machinery.procedure import Procedure
from ..machinery.run import Run, say
from ..machinery.settings import Settings
from ..rules.findings import Finding
from ..rules.view import View
from .record.record import READ, Container, Migration


class MigrationRun(Run):
    """One run of a stage.

    + stage: the name of the stage; "" where none was named that there is
    + site: what the site decided about a migration
    + migration: what the stages of before remember; blank where there were none
    + recalled: the record of that as it was read, "" where there was none
    + noticed: what a stage that only looks has found wrong so far
    + configuration: which files are converted: path, hosts, and the difference
    + unconvertible: files that cannot be read or converted for sure
    + read_back: the containers whose whole backup this run has read, and found as it was written
    + untidy: the clients where an interrupted run has left something mounted
    + job: what a client is at work on right now, and goes on with if this run is interrupted
    + differing: container UUID to what of its backup does not equal the manifest
    """

    site: MigrationSettings

    def __init__(self, state: State, procedure: Procedure, settings: Settings) -> None:
        super().__init__(state, procedure, settings)
        self.stage = ""
        self.migration = Migration.blank()
        self.recalled = ""
        self.noticed: list[Finding] = []
        self.configuration: list[dict[str, Any]] = []
        self.unconvertible: list[Finding] = []
        self.read_back: set[str] = set()
        self.job = ""
        self.untidy: frozenset[str] = frozenset()
        self.differing: dict[str, dict[str, Any]] = {}

    def begins_anew(self, view: View) -> str | None:
        """As of any run; nor has another one gone on with the migration meanwhile."""
        _, text, _ = self.command(self.dmg.admin, READ)
        if text != self.recalled:
            return f"the record of the migration on {self.dmg.admin.name} has changed"
        return super().begins_anew(view)

    def learn_ranks(self) -> None:
        """The ranks that are Joined now are those that there were before."""
        members = self.dmg.query_or_none() or ()
        ranks = tuple(member.rank for member in members if member.state == "joined")
        self.begins(replace(self.start, ranks=ranks))


def one_by_one(containers: Sequence[Container], words: str) -> Iterator[Container]:
    """One container after the other, each with a line that says which of how many it is.

    + words: what is said of one, for which {} stands
    """
    for number, container in enumerate(containers, start=1):
        say(f"{words.format(container)} ({number} of {len(containers)})")
        yield container
