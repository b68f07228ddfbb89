"""The wrong procedures of tests/wrong, each looked for by exploration.

One whose gate is taken out, or that no gate catches, has to be found by the rule that it breaks.
Where its gate stands, it is refused: it comes to no end, or, where an administrator can mend what
the gate names, to a good one; neither proves much.

Procedures of a migration are not among them: the simulation has no 1.x.
"""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..wrong.mutated import Edit, Replaced, Waits, write
from ..wrong.mutations import ADMIN_LEFT, GATED, REFEREED, RULES, Wrong
from .looking import MOST, Found, copied, found

_KEPT_RIGHT = 30
_CALLED = {"login-01": "daos-client-01"}  # on the lab, and in the cases


@dataclass(frozen=True)
class Sought:
    """What is looked for.

    + wrong: the procedure
    + rule: the one that is to be found broken; "" where its gate stands
    + without: the edits that take its gate out
    """

    wrong: Wrong
    rule: str = ""
    without: tuple[Edit, ...] = ()

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"{self.wrong.name}, without its gate" if self.without else self.wrong.name

    @property
    def edits(self) -> Iterator[Edit]:
        """What makes it wrong in a simulation, where nobody has to wait for a fault."""
        for edit in (*self.wrong.edits, *self.without):
            if isinstance(edit, Replaced):
                by = edit.by
                for lab, here in _CALLED.items():
                    by = by.replace(lab, here)
                yield Replaced(edit.name, by)
            elif not isinstance(edit, Waits):
                yield edit

    @property
    def wanted(self) -> str:
        """What a problem says that shows it, as a regular expression."""
        return f"^{self.rule} " if self.rule else ""

    @property
    def most(self) -> int:
        """Cases within which it is found, or within which its gate is seen to keep it right."""
        return MOST if self.rule else _KEPT_RIGHT

    def found(self) -> Found | None:
        """How the exploration finds it; None where it does not."""
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder)
            copied(project)
            write(project, self.edits, self.wrong.file)
            words = [word for word in self.wrong.flags if word != "-y"]
            typing = [f"--typing={shlex.join(words)}"] if words else []
            options = ("--first", f"--wanted={self.wanted}", *typing)
            return found(project, *options, most=self.most)

    def told(self, it: Found | None) -> str:
        """How it was found: a row of the table."""
        if it:
            shown = next(problem for problem in it.problems if re.search(self.wanted, problem))
            how = f"{it.after} | {shown}"
        else:
            how = (
                f"- | {'not found' if self.rule else f'its gate keeps it right, {self.most} cases'}"
            )
        return f"| {self.name} | {self.rule or f'gate: `{self.wrong.gate}`'} | {how} |"


SOUGHT = (
    *(Sought(rule.wrong, rule.rule, rule.without) for rule in RULES),
    *(Sought(wrong, rule) for wrong in REFEREED for rule in wrong.breaks),
    *(Sought(rule.wrong) for rule in RULES if rule.wrong.edits),
    *(Sought(wrong) for wrong in (*GATED, ADMIN_LEFT)),
)
