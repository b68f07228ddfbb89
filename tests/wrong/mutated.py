"""A procedure with edits, in the folder of a site; all else there is the deploy code as it is."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..lab.site import ROOT, Site

_EDITED = ("deploy.py", "deploys", "config.py")
_HELPER = "replaced.py"

DEPLOY = "deploy.py"
WAITING = "Starting operation: Meanwhile"  # what pyinfra prints when it waits
FINDS_NOTHING = "lambda original, *args, **named: []"  # of a gate; a step does nothing

_GO = "go"
_WAIT = f"""\
import pathlib, time
from pyinfra.operations import python
def waits():
    while not pathlib.Path({_GO!r}).exists():
        time.sleep(0.05)
python.call(name="Meanwhile", function=waits)
"""


@dataclass(frozen=True)
class LeftOut:
    """A step that is left out.

    + step: as the procedure has it, "services.agents_stopped"
    """

    step: str

    def edited(self, procedure: str) -> str:
        return procedure.replace(_line(procedure, self.step), "")


@dataclass(frozen=True)
class Moved:
    """A step that is moved to right before another one."""

    step: str
    before: str

    def edited(self, procedure: str) -> str:
        line, other = _line(procedure, self.step), _line(procedure, self.before)
        return procedure.replace(line, "").replace(other, line + other)


@dataclass(frozen=True)
class OnlyOn:
    """A step that is called on the nodes of one role alone."""

    role: str
    step: str

    def edited(self, procedure: str) -> str:
        line = _line(procedure, self.step)
        only = f'if "{self.role}" in host.groups:\n    {line}'
        return "from pyinfra import host\n" + procedure.replace(line, only)


@dataclass(frozen=True)
class Waits:
    """The coordinator waits before a step, until `go_on`; what happens meanwhile is over then."""

    before: str

    def edited(self, procedure: str) -> str:
        line = _line(procedure, self.before)
        return procedure.replace(line, _WAIT + line)


@dataclass(frozen=True)
class Replaced:
    """A function of the deploy code that is replaced when the procedure runs.

    + name: as replaced.py finds it
    + by: the source of a lambda; it is called with the original before the arguments
    """

    name: str
    by: str = FINDS_NOTHING

    def edited(self, config: str) -> str:
        return f"{config}\nimport replaced; replaced.put({self.name!r}, {self.by!r})\n"


Edit = LeftOut | Moved | OnlyOn | Waits | Replaced


def _line(procedure: str, step: str) -> str:
    """The line that calls a step. Raises AssertionError unless there is exactly one."""
    lines = [line for line in procedure.splitlines(True) if line.startswith(f"{step}(")]
    assert len(lines) == 1, f"the procedure has {len(lines)} lines that begin with {step}("
    return lines[0]


def starting(step: str) -> str:
    """What pyinfra prints when it gets to a step of the update."""
    words = re.search('name="(.*)"', _line((ROOT / DEPLOY).read_text(), step))
    assert words
    return f"Starting operation: {words[1]}"


def go_on(site: Site) -> None:
    """Let a procedure that waits go on."""
    (site.folder / _GO).touch()


def install(site: Site, edits: Iterable[Edit] = (), file: str = DEPLOY) -> None:
    """Put the procedures into the folder of a site, with these edits made one after the other.

    + file: the procedure whose steps are edited
    """
    write(site.folder, edits, file)


def write(folder: Path, edits: Iterable[Edit], file: str = DEPLOY) -> None:
    """Copy the procedures into a folder, in place of what is there, and edit them.

    Raises AssertionError where a step is not in the procedure.
    """
    for name in _EDITED:
        target = folder / name
        if target.is_symlink() or target.is_file():
            target.unlink()
        elif target.exists():
            shutil.rmtree(target)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target)
        else:
            shutil.copy(ROOT / name, target)
    shutil.copy(Path(__file__).with_name(_HELPER), folder)
    for edit in edits:
        path = folder / ("config.py" if isinstance(edit, Replaced) else file)
        path.write_text(edit.edited(path.read_text()))
