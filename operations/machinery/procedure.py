"""What kind of run this is: the update, the way back from it, or a stage of a migration."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..daos.releases import Version


@dataclass(frozen=True)
class Procedure:
    """A procedure, as a run follows it.

    + done: the outcome, in a word, of a run that did something and got to its end
    + sentence: given such a run, how it ended
    + target: the release that every node shall have; None until it is known
    + back: whether it leads back to the release of before an update
    + from_1_x: whether the storage is reformatted, so that a node may come from 1.x
    + os_updates: the nodes whose operating system is updated in one transaction with DAOS
    + always_acts: whether each of its runs does something, also where nothing seems to be due
    + words: what it asks for in `--data` besides settings
    + content: given a run, what report.json holds of it besides
    + at_work: given a run that was interrupted, what it has left at work, in lines for a person
    + go_on: given a run that failed, the command that goes on; "" for the same one again
    """

    done: str
    sentence: Callable[[Any], str]
    target: Version | None = None
    back: bool = False
    from_1_x: bool = False
    os_updates: frozenset[str] = frozenset()
    always_acts: bool = False
    words: tuple[str, ...] = ()
    content: Callable[[Any], dict[str, Any]] = lambda current: {}
    at_work: Callable[[Any], Iterable[str]] = lambda current: ()
    go_on: Callable[[Any], str] = lambda current: ""

    @property
    def may_be_left(self) -> bool:
        """Whether deploys/rollback.py leads back from it while it is under way."""
        return not self.back and not self.always_acts
