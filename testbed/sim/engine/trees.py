"""The file trees that one engine keeps, one SQLite file each: trees/POOL/CONTAINER.sqlite."""

import contextlib
import errno
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from . import treedigest
from .tree import Tree

CHANGES = {"create", "mkdir", "symlink", "link", "unlink", "rmdir", "rename", "write", "truncate"}
CHANGES |= {"chmod", "chown", "utimens", "setxattr", "removexattr"}
LOOKS = {"getattr", "readdir", "readlink", "read", "used", "xattrs"}
_ENDING = ".sqlite"


class Trees:
    """The trees under an engine's scm_mount; each is opened when it is first asked for."""

    def __init__(self, mount: str) -> None:
        self._folder = folder(mount)
        self._open: dict[Path, Tree] = {}
        self._opening = threading.Lock()
        self._dropped: set[tuple[str, str]] = set()

    def do(
        self, pool: str, container: str, owner: Sequence[int], calls: Sequence[Sequence[Any]]
    ) -> list[Any]:
        """Do calls, each a method of Tree and its arguments: all, or none where one fails.

        `records` is the one call that is no method of Tree: what treedigest makes of it.
        Raises OSError as Tree does.
        """
        if {(pool, container), (pool, "")} & self._dropped:
            raise OSError(errno.ESTALE, "the container was destroyed")
        tree = self._tree(self._folder / pool / (container + _ENDING), owner)
        if len(calls) == 1 and calls[0][0] not in CHANGES:
            return [_call(tree, *calls[0])]
        with tree.changing():
            return [_call(tree, *call) for call in calls]

    def _tree(self, path: Path, owner: Sequence[int]) -> Tree:
        with self._opening:
            if path not in self._open:
                self._open[path] = Tree(path, (owner[0], owner[1]))
            return self._open[path]

    def drop(self, pool: str, container: str = "") -> None:
        """A container was destroyed, or all of a pool: remove its trees."""
        self._dropped.add((pool, container))
        with self._opening:
            for path in sorted((self._folder / pool).glob(f"{container}*{_ENDING}*")):
                tree = self._open.pop(path, None)
                if tree:
                    tree.close()
                path.unlink(missing_ok=True)


def _call(tree: Tree, name: str, *arguments: Any) -> Any:
    if name == "records":
        with tree.changing():  # nor may anybody else meanwhile
            found = treedigest.records(treedigest.of_tree(tree))
        return [[path, record] for path, record in found.items()]
    if name not in CHANGES | LOOKS:
        raise ValueError(name)
    result = getattr(tree, name)(*arguments)
    return list(result.items()) if name == "xattrs" else result


def folder(mount: str) -> Path:
    """Where the trees of an engine are."""
    return Path(mount) / "trees"


@contextlib.contextmanager
def stored(mount: str) -> Iterator[list[tuple[str, str, Tree]]]:
    """The trees of an engine that does not run: their pools, containers and contents."""
    with contextlib.ExitStack() as opened:
        found = []
        for path in sorted(folder(mount).glob(f"*/*{_ENDING}")):
            tree = opened.enter_context(contextlib.closing(Tree(path)))
            found.append((path.parent.name, path.name.removesuffix(_ENDING), tree))
        yield found
