"""The note beside a destination: that it is ours, of which source, and whether to trust it.

Without it nothing is ever removed from a destination.
"""

import os
from typing import Any, Dict

from . import files
from .failure import Failure, text

_PROGRAM = "daos-offline-update"
_ENDING = b".copy.json"


class Marker:
    """The note on one copy.

    + source, target: the folders, without symbolic links
    + path: the note's file; b"" for the destination's path with .copy.json behind it

    Raises Failure where the destination holds what is not known to be a copy of this source.
    """

    def __init__(self, source: bytes, target: bytes, path: bytes = b"") -> None:
        self._path = path or target.rstrip(b"/") + _ENDING
        self._what: Dict[str, Any] = {
            "program": _PROGRAM,
            "from": text(source),
            "to": text(target),
            "from_mounted": os.path.ismount(source),
            "to_mounted": os.path.ismount(target),
        }
        found = files.load(self._path)
        if found is None:
            self._check_empty(target)
            self.trusted = True
        else:
            self._check_same(found)
            self.trusted = bool(found.get("trusted"))
        self.save()

    def save(self) -> None:
        """Write it, with whether a file that looks complete is complete."""
        files.save(self._path, {**self._what, "trusted": self.trusted})

    def trust(self, trusted: bool) -> None:
        """Whether from now on a file that looks complete is complete."""
        if trusted != self.trusted:
            self.trusted = trusted
            self.save()

    def _check_empty(self, target: bytes) -> None:
        if os.listdir(target):
            raise Failure(
                "{0} is not empty, and {1}, which would say that a copy was begun there, does not "
                "exist: nothing is touched. Move away what is in {0}, or name another "
                "destination".format(text(target), text(self._path))
            )

    def _check_same(self, found: Dict[str, Any]) -> None:
        for key, now in self._what.items():
            then = found.get(key)
            if then != now:
                raise Failure(
                    "{} was written for another copy ({} was {}, and is {} now): nothing is "
                    "touched. Mount what was mounted when it was begun, or name another "
                    "destination".format(text(self._path), key, then, now)
                )
