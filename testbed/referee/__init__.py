"""The referee: says from the nodes' own events which of the rules were kept: R1 to R12, M1, M2.

It knows the rules and the events, and nothing of the deploy code.
"""

from testbed.referee.history import Unreadable, read
from testbed.referee.judge import judge
from testbed.referee.verdict import Verdict, lines

__all__ = ["Unreadable", "Verdict", "judge", "lines", "read"]
