"""The referee: says from the nodes' own events which of the rules R1 to R12 were kept.

It knows the rules and the events, and nothing of the deploy code.
"""

from testbed.referee.history import Unreadable, read
from testbed.referee.judge import judge
from testbed.referee.verdict import Verdict, lines

__all__ = ["Unreadable", "Verdict", "judge", "lines", "read"]
