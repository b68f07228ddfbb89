"""The rules R1 to R12, and M1 and M2 of a migration, each a class; in groups, a file each."""

from testbed.referee.rules.migration import Backup, Restored
from testbed.referee.rules.reasons import Idempotent, Needed
from testbed.referee.rules.rule import Rule
from testbed.referee.rules.serving import Data, Served
from testbed.referee.rules.stopping import CleanStop, Connections
from testbed.referee.rules.trouble import RebootProof, Resume, StopAtTrouble
from testbed.referee.rules.versions import Direction, OneVersion, Quiet

__all__ = ["RULES", "Rule"]

RULES: tuple[type[Rule], ...] = (
    Needed,
    Connections,
    CleanStop,
    Quiet,
    OneVersion,
    Served,
    Data,
    StopAtTrouble,
    Resume,
    Idempotent,
    RebootProof,
    Direction,
    Backup,
    Restored,
)
