"""A manifest of a tree, and the comparison of a tree with one."""

import hashlib
import os
from typing import Any, Dict, Iterable, Iterator, Optional, Tuple

from . import changes, digest, mtree, sums
from . import files as whole
from .container import Container
from .failure import Failure, text
from .progress import Progress
from .tree import FILE, Tree, alone, differences, files, size, walk

MANIFEST, SUMS = b"manifest.mtree", b"SHA256SUMS"


def manifest(
    root: bytes, out: bytes, jobs: int, progress: Progress, container: Optional[Container] = None
) -> Dict[str, Any]:
    """Write manifest.mtree and SHA256SUMS of a tree into the folder `out`.

    Where the tree changes meanwhile the answer names what did, and nothing is written.

    + jobs: number of threads that read
    + container: the container that all of it has to be of (see `tree.walk`)
    """
    before = walk(root, progress.begin("looking"), container=container)
    _begin(progress, before)
    tree = digest.take(root, before, jobs, progress, container=container)
    progress.begin("looking again", of_files=len(before))
    found = changes.between(before, walk(root, progress, container=container))
    found["changed"] += [
        entry.path
        for entry in alone(tree)
        if not (entry.digest or any(entry.path in paths for paths in found.values()))
    ]
    written = ""
    if not any(found.values()):
        os.makedirs(out, exist_ok=True)
        whole.replace(os.path.join(out, SUMS), sums.write(tree))
        written = whole.replace(os.path.join(out, MANIFEST), mtree.write(tree))
    return {**_amount(tree), "digest": written, **changes.named(found)}


def verify(
    root: bytes,
    path: bytes,
    quick: bool,
    jobs: int,
    progress: Progress,
    container: Optional[Container] = None,
) -> Dict[str, Any]:
    """Compare a tree with a manifest.

    + quick: leave out what files hold, that is, read no file
    + jobs: number of threads that read
    + container: the container that all of it has to be of (see `tree.walk`)
    """
    want, written = _read(path)
    have = walk(root, progress.begin("looking", of_files=len(want)), container=container)
    unreadable: Dict[bytes, OSError] = {}
    if not quick:
        _begin(progress, have)
        have = digest.take(root, have, jobs, progress, unreadable, container)
    differing = {}
    for name, entry in want.items():
        keys = differences(entry, have[name]) if name in have else []
        if not quick and name in have and have[name].type == FILE and not have[name].digest:
            keys.append("unreadable")
        if keys:
            differing[text(name)] = keys
    return {
        **_amount(have),
        "digest": written,
        "missing": [text(name) for name in want if name not in have],
        "extra": [text(name) for name in have if name not in want],
        "differing": differing,
    }


def _read(path: bytes) -> Tuple[Tree, str]:
    """A manifest, and the SHA-256 of its file."""
    digest_ = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            return mtree.read(_digested(file, digest_)), digest_.hexdigest()
    except ValueError as error:
        raise Failure("{}: {}; write it again from the source".format(text(path), error)) from error


def _digested(lines: Iterable[bytes], digest_: Any) -> Iterator[bytes]:
    for line in lines:
        digest_.update(line)
        yield line


def _begin(progress: Progress, tree: Tree) -> None:
    progress.begin("reading", len(alone(tree)), size(tree.values()))


def _amount(tree: Tree) -> Dict[str, int]:
    return {"files": files(tree), "bytes": size(tree.values())}
