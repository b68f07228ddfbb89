"""A tree as text in the format of mtree(5), which bsdtar and the mtree of BSD systems read.

Each entry stands with its full path on a line of its own. Extended attributes and hard links, for
which the format has no keywords, stand in comments right above their entry:

    # xattr user.colour=cmVk       (the value in Base64)
    # hardlink ./first/name

Characters of names that mean something to one of the readers are written as \\ooo, as vis(3) does.
The last line tells how many entries there are, so that a text which was cut off is noticed.
"""

import base64
import os
import re
from collections import Counter
from typing import Dict, Iterable, Iterator, List, Tuple

from .beneath import ROOT
from .tree import FILE, LINK, Entry, Tree

_UNSAFE = re.compile(rb"[^A-Za-z0-9._/,+@%:~^-]")
_ESCAPE = re.compile(rb"\\([0-7]{3})")
_END = b"# %d entries\n"
_SECOND = 10**9  # nanoseconds


def write(tree: Tree) -> Iterator[bytes]:
    """The lines of a tree."""
    names = Counter(entry.leader for entry in tree.values() if entry.leader)
    yield b"#mtree\n"
    for entry in tree.values():
        for name, value in entry.xattrs:
            yield b"# xattr %s=%s\n" % (_encoded(name), base64.b64encode(value))
        if entry.leader:
            yield b"# hardlink %s\n" % _path(entry.leader)
        links = names[entry.leader or entry.path] + 1
        words = ["{}={}".format(*pair) for pair in _keywords(entry, links)]
        yield b" ".join([_path(entry.path)] + [word.encode("ascii") for word in words]) + b"\n"
    yield _END % len(tree)


def read(lines: Iterable[bytes]) -> Tree:
    """The tree of some lines that `write` wrote. Raises ValueError with the line's number."""
    tree: Tree = {}
    xattrs: List[Tuple[bytes, bytes]] = []
    leader = last = b""
    for number, last in enumerate(lines, 1):
        try:
            if last.startswith(b"# xattr "):
                name, value = last[8:].split(b"=", 1)
                xattrs.append((_decoded(name), base64.b64decode(value)))
            elif last.startswith(b"# hardlink "):
                leader = _relative(last[11:].rstrip(b"\n"))
            elif not last.startswith(b"#"):
                entry = _entry(last, tuple(xattrs), leader)
                tree[entry.path] = entry
                xattrs, leader = [], b""
        except (ValueError, KeyError) as error:
            raise ValueError("line {} is damaged: {}".format(number, error)) from error
    if last != _END % len(tree):
        raise ValueError("its end is missing")
    return tree


def _keywords(entry: Entry, links: int) -> Iterator[Tuple[str, object]]:
    yield "type", entry.type
    yield "uid", entry.uid
    yield "gid", entry.gid
    if entry.type != LINK:
        yield "mode", "0{:o}".format(entry.mode)
    if entry.type != "dir":
        yield "nlink", links
    if entry.type == FILE:
        yield "size", entry.size
    yield "time", "{}.{:09d}".format(*divmod(entry.time, _SECOND))
    if entry.type == LINK:
        yield "link", _encoded(entry.target).decode("ascii")
    if entry.device:
        yield "device", "native,{},{}".format(os.major(entry.device), os.minor(entry.device))
    if entry.digest:
        yield "sha256digest", entry.digest


def _entry(line: bytes, xattrs: Tuple[Tuple[bytes, bytes], ...], leader: bytes) -> Entry:
    if not line.endswith(b"\n"):
        raise ValueError("it is cut off")
    path, *words = line.rstrip(b"\n").split(b" ")
    pairs = (word.decode("ascii").split("=", 1) for word in words)
    values: Dict[str, str] = dict(pairs)
    return Entry(
        path=_relative(path),
        type=values["type"],
        size=int(values["size"]) if values["type"] == FILE else 0,
        mode=0o777 if values["type"] == LINK else int(values["mode"], 8),
        uid=int(values["uid"]),
        gid=int(values["gid"]),
        time=_time(values["time"]),
        target=_decoded(values["link"].encode("ascii")) if values["type"] == LINK else b"",
        leader=leader,
        xattrs=xattrs,
        device=_device(values.get("device", "")),
        digest=values.get("sha256digest", ""),
    )


def _path(path: bytes) -> bytes:
    return ROOT if path == ROOT else b"./" + _encoded(path)


def _relative(word: bytes) -> bytes:
    if word != ROOT and not word.startswith(b"./"):
        raise ValueError("a path does not begin with ./")
    return ROOT if word == ROOT else _decoded(word[2:])


def _encoded(name: bytes) -> bytes:
    return _UNSAFE.sub(lambda found: b"\\%03o" % ord(found.group()), name)


def _decoded(word: bytes) -> bytes:
    return _ESCAPE.sub(lambda found: bytes([int(found.group(1), 8)]), word)


def _time(word: str) -> int:
    seconds, fraction = word.split(".")
    if len(fraction) != 9:
        raise ValueError("a time has not nine decimals")
    return int(seconds) * _SECOND + int(fraction)


def _device(word: str) -> int:
    if not word:
        return 0
    _, major, minor = word.split(",")
    return os.makedev(int(major), int(minor))
