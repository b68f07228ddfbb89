"""The known_hosts files of OpenSSH, and what they say of a host key, as ssh takes it.

paramiko reads them otherwise: of several keys of one kind it takes the first alone, patterns like
`node*` and @revoked mean nothing to it, and it asks for a kind of key that nobody has seen where a
node has one that is known.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

REVOKED, AUTHORITY = "@revoked", "@cert-authority"
_WITH_PORT = re.compile(r"\[(.+)\]:\d+")


@dataclass(frozen=True)
class Entry:
    """A line of such a file.

    + hosts: whom it is about, as it stands there: "[n1]:2222,10.0.*", or one name that is hashed
    + kind: the kind of the key, "ssh-ed25519"
    + marker: "", or what precedes a line that says something else than that a key is known
    """

    path: Path
    hosts: str
    kind: str
    key: bytes
    marker: str = ""

    def is_about(self, name: str) -> bool:
        """Whether it is about this name, "n1" or "[n1]:2222"."""
        if self.hosts.startswith("|1|"):
            return _is_hash_of(name, self.hosts)
        patterns = self.hosts.lower().split(",")
        if any(it.startswith("!") and _matches(it[1:], name) for it in patterns):
            return False
        return any(_matches(it, name) for it in patterns)


@dataclass(frozen=True)
class Verdict:
    """What known_hosts says of a key.

    + state: "known", "unknown", "changed" (another key is known), or "revoked"
    + path: the file that says so; None for one that is unknown
    + authority: whether a certificate would do, which paramiko cannot ask for
    """

    state: str
    path: Path | None = None
    authority: bool = False


def read(paths: Iterable[Path]) -> list[Entry]:
    """All that these files say; one that is not there, or cannot be read, says nothing."""
    found: list[Entry] = []
    for path in paths:
        try:
            there = path.stat()
            found += _entries(path, there.st_mtime_ns, there.st_size)
        except OSError:
            continue
    return found


@lru_cache(maxsize=64)
def _entries(path: Path, *state: int) -> list[Entry]:
    """The lines of a file, which is read again where it is another one by now."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [entry for line in lines if (entry := _entry(path, line))]


def _entry(path: Path, line: str) -> Entry | None:
    words = line.split()
    marker = words.pop(0) if line.lstrip().startswith("@") else ""
    if len(words) < 3 or words[0].startswith("#"):
        return None
    try:
        key = base64.b64decode(words[2], validate=True)
    except (binascii.Error, ValueError):
        return None
    return Entry(path, words[0], words[1], key, marker)


def about(entries: Iterable[Entry], name: str) -> list[Entry]:
    """What is said of a host by one name; what is not of its port is of all of its ports."""
    lowered = name.lower()
    found = list(entries)
    mine = [entry for entry in found if entry.is_about(lowered)]
    if port := _WITH_PORT.fullmatch(lowered):
        plain = [entry for entry in found if entry.is_about(port[1])]
        # Whom another key is known of without the port may well be somebody else.
        return mine or [it for it in plain if it.marker != AUTHORITY]
    return mine


def judge(entries: Sequence[Entry], name: str, kind: str, key: bytes) -> Verdict:
    """What they say of a key that a host has shown.

    + entries: all that is known
    + name: what the host is known by: its name, with its port where that is not 22
    """
    said = about(entries, name)
    for entry in said:
        if entry.marker == REVOKED and entry.key == key:
            return Verdict("revoked", entry.path)
    known = [entry for entry in said if not entry.marker]
    for entry in known:
        if (entry.kind, entry.key) == (kind, key):
            return Verdict("known", entry.path)
    exactly = [entry for entry in known if entry.is_about(name.lower())]
    if exactly:
        return Verdict("changed", exactly[0].path)
    return Verdict("unknown", authority=any(entry.marker == AUTHORITY for entry in said))


def kinds(entries: Iterable[Entry], name: str) -> set[str]:
    """The kinds of keys by which a host is known."""
    return {entry.kind for entry in about(entries, name) if not entry.marker}


def add(path: Path, name: str, kind: str, key: bytes) -> None:
    """Remember a key. Raises OSError where that cannot be written."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = path.read_bytes() if path.is_file() else b""
    # Somebody's editor may have left out the end of the last line.
    end = "\n" if before and not before.endswith(b"\n") else ""
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{end}{name} {kind} {base64.b64encode(key).decode()}\n")


def _matches(pattern: str, name: str) -> bool:
    expression = "".join({"*": ".*", "?": "."}.get(it) or re.escape(it) for it in pattern)
    return re.fullmatch(expression, name) is not None


def _is_hash_of(name: str, hashed: str) -> bool:
    try:
        _, _, salt, digest = hashed.split("|")
        found = hmac.digest(base64.b64decode(salt), name.encode(), "sha1")
        return hmac.compare_digest(found, base64.b64decode(digest))
    except (ValueError, binascii.Error):
        return False
