"""The files of a simulated node that its commands read and write, and what a lost power undoes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .node import Node


@dataclass(frozen=True)
class File:
    """A file: what it says, whose it is and when it was written, by the clock of the node."""

    text: str
    owner: str = "root"
    mode: int = 0o644
    written: float = 0.0


class Full(Exception):
    """There is no space left on the device."""


class Files:
    """The files of a node, by path; folders come and go with them.

    + full: the folders on whose file systems nothing can be written any more
    + read_only: those that nobody can write to
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._files: dict[str, File] = {}
        self._safe: dict[str, File | None] = {}  # as it is on disk, where memory has another
        self.full: set[str] = set()
        self.read_only: set[str] = set()

    def __contains__(self, path: str) -> bool:
        return path in self._files

    def read(self, path: str) -> str:
        """What a file says; "" where there is none."""
        file = self._files.get(path)
        return file.text if file else ""

    def get(self, path: str) -> File | None:
        """A file; None where there is none."""
        return self._files.get(path)

    def below(self, folder: str) -> list[str]:
        """The paths of the files in a folder."""
        return sorted(
            path
            for path in self._files
            if path.startswith(folder) and "/" not in path[len(folder) :]
        )

    def write(self, path: str, text: str) -> None:
        """Write a file anew. Raises Full, where an empty one is left, as a shell leaves it."""
        old = self._files.get(path)
        new = replace(old, text="") if old else File("")
        self._put(path, replace(new, written=self._time()))
        if text and self.is_full(path):
            raise Full(path)
        self._put(path, replace(new, text=text, written=self._time()))

    def append(self, path: str, text: str) -> None:
        """Add to a file. Raises Full, where nothing is added."""
        if self.is_full(path):
            raise Full(path)
        old = self._files.get(path) or File("")
        self._put(path, replace(old, text=old.text + text, written=self._time()))

    def change(self, path: str, owner: str | None = None, mode: int | None = None) -> None:
        """Give a file to somebody, or change its mode."""
        old = self._files[path]
        owner, mode = owner or old.owner, old.mode if mode is None else mode
        self._put(path, replace(old, owner=owner, mode=mode))

    def move(self, old: str, new: str) -> None:
        """Give a file another name, in the place of one that has it."""
        file = self._files[old]
        self._put(new, file)
        self.remove(old)

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""
        if path in self._files:
            self._put(path, None)

    def sync(self, path: str = "") -> None:
        """Bring a file, or all names in a folder, to the disk; without a path, everything."""
        for known in [
            it for it in self._safe if it == path or it.startswith(f"{path}/") or not path
        ]:
            del self._safe[known]

    def lose(self) -> None:
        """The power is lost: what was not brought to the disk is as it was before."""
        for path, file in self._safe.items():
            if file is None:
                self._files.pop(path, None)
            else:
                self._files[path] = file
        self._safe.clear()

    def empty(self, folder: str) -> None:
        """Nothing is left below a folder, as of what is in memory after a boot."""
        for path in [it for it in self._files if it.startswith(folder)]:
            del self._files[path]

    def is_full(self, path: str) -> bool:
        """Whether nothing can be written there."""
        if hasattr(self._node, "cluster"):
            self._node.asks(f"full {path.split('/')[1]}")
        return any(path.startswith(folder) for folder in self.full)

    def _put(self, path: str, file: File | None) -> None:
        self._safe.setdefault(path, self._files.get(path))
        if file is None:
            self._files.pop(path, None)
        else:
            self._files[path] = file

    def _time(self) -> float:
        cluster = getattr(self._node, "cluster", None)
        return self._node.time if cluster else 0.0
