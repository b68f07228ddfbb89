"""The rules R1 to R12, each judged by its own class; in groups, a file each."""

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
)
