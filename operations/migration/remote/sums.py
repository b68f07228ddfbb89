"""The digests of a tree's files in the format of sha256sum(1), which checks them with `-c`."""

from typing import Iterator

from .tree import FILE, Tree


def write(tree: Tree) -> Iterator[bytes]:
    """One line for each file, with its path below the tree's root."""
    for entry in tree.values():
        if entry.type == FILE:
            name = _escaped(b"./" + entry.path)
            mark = b"\\" if b"\\" in name else b""
            yield b"%s%s  %s\n" % (mark, entry.digest.encode("ascii"), name)


def _escaped(name: bytes) -> bytes:
    """As GNU coreutils 8 and 9 both read it.

    The newer takes a CR at a line's end for a part of the line's end, and knows \\r instead; the
    older does not know \\r. So only a CR at the end of a name, of which the older cannot be told
    anyhow, is escaped.
    """
    name = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
    return name[:-1] + b"\\r" if name.endswith(b"\r") else name
