"""The site's own commands, run on this machine at certain moments of a run: `hooks` in group_data.

Each gets the report on standard input. What goes wrong with one is told, and changes nothing; but
that about to open the offline window may say no, and then nothing is stopped.
"""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pyinfra import logger

from ..rules.findings import Finding
from ..rules.secrets import masked
from . import interruption, local_command
from .local_command import Ended

REFUSED, OPENING, CLOSED, FAILED = EVENTS = ("refused", "opening", "closed", "failed")

Words = tuple[str, ...]

_INTERRUPTED = "it was interrupted"
_WORDS = 10  # lines of a veto that stand in its finding


@dataclass(frozen=True)
class Ran:
    """A command that was run, as it stands in report.json.

    + event: at which moment, one of EVENTS
    + command: its program; arguments may hold what is nobody's business
    + start: UTC
    + seconds: how long it took
    + exit: its exit code; None where it could not be started, or had to be ended
    + output: the last lines that it said
    + problem: what went wrong, None for nothing; of a veto, that it is one
    """

    event: str
    command: str
    start: str
    seconds: float
    exit: int | None
    output: tuple[str, ...]
    problem: str | None


@dataclass
class Hooks:
    """The site's commands in one run.

    + commands: by the moments at which they are run
    + seconds: how long each may take
    + say: says a line to whoever watches
    + report: writes the report; gives its text, and its file, None where it cannot be written
    + ran: those that were run until now
    + asked: whether one was asked whether the window may be opened, answered or not
    + veto: that it may not
    """

    commands: Mapping[str, Sequence[Words]] = field(default_factory=dict)
    seconds: int = 60
    say: Callable[[str], object] = logger.info
    report: Callable[[], tuple[str, Path | None]] = lambda: ("{}", None)
    ran: list[Ran] = field(default_factory=list)
    asked: bool = False
    veto: Finding | None = None

    def ask(self) -> Finding | None:
        """Ask whether the offline window may be opened now; None if it may.

        It is asked once in a run: the answer stays.
        """
        if not self.asked:
            self.asked = True
            for words in self.commands.get(OPENING, ()):
                ran = self._run(OPENING, words)
                if ran.exit != 0:
                    self.veto = _veto(ran)
                    break
        return self.veto

    def tell(self, event: str) -> bool:
        """Tell the site what has happened; whether anybody is told."""
        for words in self.commands.get(event, ()):
            interruption.more_time(self.seconds)
            self._run(event, words)
        return bool(self.commands.get(event))

    def programs(self, event: str) -> list[str]:
        """The programs that are run at a moment, without their arguments."""
        return [masked(words[0]) for words in self.commands.get(event, ())]

    def content(self) -> list[dict[str, object]]:
        """Those that were run, as they stand in report.json."""
        return [asdict(ran) for ran in self.ran]

    def _run(self, event: str, words: Words) -> Ran:
        text, path = self.report()
        environment = {"DAOS_UPDATE_EVENT": event, "DAOS_UPDATE_REPORT": str(path or "")}
        start, signals = datetime.now(UTC), interruption.count()

        def ends() -> str:
            return _INTERRUPTED if interruption.count() > signals else ""

        self.say(f"{event}: {masked(words[0])}")
        ended = Ended(None, (), _INTERRUPTED)  # where the greenlet of this is ended, with the run
        try:
            ended = local_command.run(
                words, text, environment, self.seconds, lambda line: self.say(f"  {line}"), ends
            )
        except (OSError, ValueError) as problem:
            ended = Ended(None, (), f"it could not be started: {problem}")
        finally:
            self.ran.append(_ran(event, words, start, ended))
        ran = self.ran[-1]
        if ran.problem and event != OPENING:
            logger.warning(
                f"--> {ran.command}, a hook of this site, has failed, which changes nothing here: "
                f"{ran.problem}"
            )
        return ran


def _ran(event: str, words: Words, start: datetime, ended: Ended) -> Ran:
    return Ran(
        event,
        masked(words[0]),
        start.isoformat(),
        round((datetime.now(UTC) - start).total_seconds(), 3),
        ended.code,
        ended.lines,
        None if ended.code == 0 else ended.why or _exited(ended.code),
    )


def _veto(ran: Ran) -> Finding:
    said = "\n".join(ran.output[-_WORDS:]).strip()
    message = (
        f"{ran.command}, which this site asks before the offline window opens, does not let it: "
        f"{ran.problem}{f', and says: {said}' if said else ''}\n"
        "Nothing was stopped. See to it, then type the same command again, which asks anew; or "
        f"take hooks['{OPENING}'] out of group_data/all.py"
    )
    return Finding("vetoed", (), message)


def _exited(code: int | None) -> str:
    code = code or 0
    return f"exit code {code}" if code > 0 else f"ended by signal {-code}"


def read(command: object) -> Words:
    """The words of a command as the site has set it. Raises ValueError where it is none."""
    if not isinstance(command, str) or not (words := shlex.split(command)):
        raise ValueError
    return tuple(words)
