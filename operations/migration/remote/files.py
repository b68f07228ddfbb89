"""Files that are whole or not there at all."""

import contextlib
import ctypes
import hashlib
import json
import os
from typing import Any, BinaryIO, Iterable, Optional

_syncfs = ctypes.CDLL(None, use_errno=True).syncfs  # glibc 2.14


def replace(path: bytes, pieces: Iterable[bytes]) -> str:
    """Write a file such that a reader finds the old one or the whole new one; its SHA-256.

    Raises OSError with the file's name.
    """
    draft, digest = path + b".new", hashlib.sha256()
    try:
        with create(draft) as file:
            for piece in pieces:
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
        _sync_folder(os.path.dirname(path))
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    return digest.hexdigest()


def create(path: bytes) -> BinaryIO:
    """Open a new file, in the place of whatever has that name; no link of it is followed."""
    forget(path)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def save(path: bytes, content: Any) -> None:
    """Write JSON, as `replace` does."""
    replace(path, [json.dumps(content).encode("ascii"), b"\n"])


def load(path: bytes) -> Optional[Any]:
    """Read JSON; None where there is no such file, or none that is whole."""
    try:
        with open(path, encoding="ascii") as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return None


def forget(path: bytes) -> None:
    """Remove a file, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def settle(folder: bytes) -> None:
    """Have all that was written to the file system of a folder on its storage.

    Raises OSError, also for an earlier write that the system could not carry out.
    """
    file = os.open(folder, os.O_RDONLY)
    try:
        if _syncfs(file) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), folder)
    finally:
        os.close(file)


def _sync_folder(path: bytes) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
