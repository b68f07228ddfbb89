"""A procedure with edits: a copy of the deploy code in the folder of a site."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..lab.site import ROOT, Site

_CODE = ("deploy.py", "deploys", "config.py", "operations", "group_data")
_NO_CACHES = shutil.ignore_patterns("__pycache__")


@dataclass(frozen=True)
class Edit:
    """A text in a file of the deploy code that is replaced; it must be there exactly once."""

    file: str
    old: str
    new: str

    def apply(self, folder: Path) -> None:
        """Raises AssertionError where the code has changed and the edit no longer fits."""
        path = folder / self.file
        text = path.read_text()
        assert text.count(self.old) == 1, f"{self.file} has not exactly once: {self.old}"
        path.write_text(text.replace(self.old, self.new))


def install(site: Site, edits: Iterable[Edit] = ()) -> None:
    """Put the deploy code into the folder of a site, with these edits made one after the other."""
    write(site.folder, edits)


def write(folder: Path, edits: Iterable[Edit]) -> None:
    """Copy the deploy code into a folder, in place of what is there, and edit it."""
    for name in _CODE:
        target = folder / name
        if target.is_symlink() or target.is_file():
            target.unlink()
        elif target.exists():
            shutil.rmtree(target)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=_NO_CACHES)
        else:
            shutil.copy(ROOT / name, target)
    for edit in edits:
        edit.apply(folder)
