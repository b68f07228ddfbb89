"""What ends a command before or beside a run, in a line that says what is wrong and what to do.

pyinfra shows where in the code an exception came up, and asks for a report of a bug in pyinfra.
"""

import sys
from pathlib import Path
from traceback import extract_tb, format_exception
from types import ModuleType
from typing import Any

from pyinfra import logger
from pyinfra.api.exceptions import DeployError
from pyinfra.context import ctx_state

from ..rules.findings import Finding
from ..rules.secrets import masked
from . import run

_OURS = Path(__file__).parents[1]


def mend(exceptions: ModuleType) -> None:
    """Have pyinfra's exceptions say it so; config.py calls this.

    + exceptions: those of pyinfra's command line
    """
    exceptions.WrappedError.show = _known
    for kind in (exceptions.UnexpectedInternalError, exceptions.UnexpectedExternalError):
        kind.show = _unknown


def _known(error: Any, file: Any = None) -> None:
    """Of pyinfra, or of this project, which say what is wrong."""
    if not _told():
        begins = "Refused: " if isinstance(error.exception, DeployError) else ""
        logger.error(f"--> {begins}{error.message}")


def _unknown(error: Any, file: Any = None) -> None:
    """Anything else that came up: in a file of the site, or of the tool itself."""
    if _told():
        return
    problem = error.exception
    path, line = _where(problem)
    what = f"{path}, line {line}: {_said(problem)}"
    if path.resolve().is_relative_to(_OURS.resolve()) or not _is_here(path):
        logger.error("".join(format_exception(problem)))
        logger.error(f"--> {what}. This is a fault of the tool itself: report it with these lines")
    else:
        message = f"{what}: mend it, then type the same command again"
        logger.error(f"--> Refused: {Finding('bad-file', (), message)}")


def _told() -> bool:
    """Whether the run has said for itself why it ends."""
    return ctx_state.isset() and run.has_told(ctx_state.get())


def _where(problem: Exception) -> tuple[Path, int]:
    """The file that is wrong, as seen from here, and the line."""
    if isinstance(problem, SyntaxError) and problem.filename:
        return _short(problem.filename), problem.lineno or 0
    frames = extract_tb(getattr(problem, "_traceback", problem.__traceback__))
    here = [frame for frame in frames if _is_here(Path(frame.filename))] or list(frames)
    return _short(here[-1].filename), here[-1].lineno or 0


def _short(name: str) -> Path:
    path = Path(name)
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _is_here(path: Path) -> bool:
    path = path.absolute()
    return path.is_relative_to(Path.cwd()) and not path.is_relative_to(sys.prefix)


def _said(problem: Exception) -> str:
    if isinstance(problem, SyntaxError):
        line = (problem.text or "").strip()
        return masked(f"{problem.msg}: {line}" if line else problem.msg)
    return masked(f"{type(problem).__name__}: {problem}")
