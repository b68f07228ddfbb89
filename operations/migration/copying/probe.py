"""Says what a file system loses of a file: run by a client's Python (3.6 or later), not imported.

probe.py FOLDER: makes one scratch folder in it, and removes it. Prints one JSON object: "lost", a
list of what was not kept, in words; or "error".
"""

# Bytes are no Path.
# ruff: noqa: PTH101, PTH102, PTH115, PTH116, PTH118, PTH123, PTH208, PTH211

import json
import os
import shutil
import stat
import sys
import tempfile
from typing import Any

_NAME = b"two words\nand \xff"
_OWNER = 54321
_TIME = 1234567890123456789  # nanoseconds
_HOLE = 8 << 20  # bytes


def _file(folder: bytes) -> bytes:
    path = os.path.join(folder, b"file")
    with open(path, "wb") as file:
        file.seek(_HOLE)
        file.write(b"end")
        os.fsync(file.fileno())
    return path


def _name(folder: bytes) -> bool:
    os.mkdir(os.path.join(folder, _NAME))
    return _NAME in os.listdir(folder)


def _owner(folder: bytes) -> bool:
    path = _file(folder)
    os.chown(path, _OWNER, _OWNER)
    found = os.stat(path)
    return (found.st_uid, found.st_gid) == (_OWNER, _OWNER)


def _mode(folder: bytes) -> bool:
    path = _file(folder)
    os.chmod(path, 0o6751)
    return stat.S_IMODE(os.stat(path).st_mode) == 0o6751


def _time(folder: bytes) -> bool:
    path = _file(folder)
    os.utime(path, ns=(_TIME, _TIME))
    return os.stat(path).st_mtime_ns == _TIME


def _attribute(folder: bytes) -> bool:
    path = _file(folder)
    os.setxattr(path, "user.daos-offline-update", b"\0\xff")
    return os.getxattr(path, "user.daos-offline-update") == b"\0\xff"


def _sparse(folder: bytes) -> bool:
    return os.stat(_file(folder)).st_blocks * 512 < _HOLE


def _symlink(folder: bytes) -> bool:
    os.symlink(b"away", os.path.join(folder, b"link"))
    return os.readlink(os.path.join(folder, b"link")) == b"away"


def _hard_link(folder: bytes) -> bool:
    path = _file(folder)
    os.link(path, path + b"2")
    return os.stat(path).st_nlink == 2


def _fifo(folder: bytes) -> bool:
    os.mkfifo(os.path.join(folder, b"fifo"))
    return True


_TRIES = [
    ("names with newlines or bytes that are no UTF-8", _name),
    ("owners (is root squashed?)", _owner),
    ("modes", _mode),
    ("times in nanoseconds", _time),
    ("extended attributes (user.*)", _attribute),
    ("holes of sparse files", _sparse),
    ("symbolic links", _symlink),
    ("hard links", _hard_link),
    ("FIFOs", _fifo),
]


def _kept(check: Any, folder: bytes) -> bool:
    inner = tempfile.mkdtemp(dir=folder)
    try:
        return check(inner)
    except OSError:
        return False


def main(folder: str) -> int:
    """Returns the exit code: 0, or 2 where nothing could be written."""
    try:
        scratch = tempfile.mkdtemp(prefix=".daos-offline-update-", dir=folder).encode()
    except OSError as problem:
        print(json.dumps({"error": str(problem)}))
        return 2
    try:
        print(json.dumps({"lost": [what for what, check in _TRIES if not _kept(check, scratch)]}))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
