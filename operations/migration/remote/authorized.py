"""One line of ours in root's authorized_keys: added and taken back, everything else as it was.

The file is written beside itself and renamed, so that sshd reads the old one or the new one. No
link is followed, and no folder that others may write in is trusted. What there was before is kept
in the words behind the key, so that nothing else has to be remembered for the way back.
"""

import fcntl
import os
import pwd
import stat
from contextlib import contextmanager, suppress
from typing import Iterator, List, Optional, Tuple

from .failure import Failure, text

_MARK = b"daos-offline-update-copy"
_FILE, _FOLDER, _NEWLINE = b"+file", b"+folder", b"+newline"  # what was made for the line
_DRAFT = b".daos-offline-update"
_WORLD = stat.S_IWGRP | stat.S_IWOTH


def add(path: bytes, line: bytes) -> None:
    """Put a line at the end of a file, in place of an earlier one of ours.

    + path: the file, which need not be there, nor a folder .ssh that it is in
    + line: options and key, without a comment

    Raises Failure and OSError; the file is as it was then.
    """
    remove(path)
    made = [_FOLDER] if _make_folder(os.path.dirname(path)) else []
    with _within(path) as (folder, name):
        state, content = _read(folder, name, path)
        made += [_FILE] if state is None else []
        made += [_NEWLINE] if content and not content.endswith(b"\n") else []
        glue = b"\n" if _NEWLINE in made else b""
        ours = b"%s %s%s\n" % (line, _MARK, b"".join(made))
        _write(folder, name, content + glue + ours, state)


def remove(path: bytes) -> bool:
    """Take our line out of a file, and what was made for it away; whether there was one.

    Raises Failure and OSError.
    """
    if not os.path.lexists(path):
        return False
    with _within(path) as (folder, name):
        state, content = _read(folder, name, path)
        left, made = _without(content)
        if left == content:
            return False
        if left or _FILE not in made:
            _write(folder, name, left, state)
        else:
            os.unlink(name, dir_fd=folder)
    if _FOLDER in made:
        with suppress(OSError):  # somebody keeps something in it by now
            os.rmdir(os.path.dirname(path))
    return True


def _without(content: bytes) -> Tuple[bytes, bytes]:
    """A file without our lines, and what was made for them."""
    kept: List[bytes] = []
    made = b""
    for line in content.splitlines(keepends=True):
        words = line.split()
        if not words or not words[-1].startswith(_MARK):
            kept.append(line)
            continue
        made += words[-1][len(_MARK) :]
        last = content.endswith(line)
        if _NEWLINE in words[-1] and kept and last:
            kept[-1] = kept[-1].rstrip(b"\n")
    return b"".join(kept), made


def home() -> bytes:
    """Root's home."""
    return os.fsencode(pwd.getpwuid(os.geteuid()).pw_dir)


def _make_folder(path: bytes) -> bool:
    """Make root's .ssh, whether that was needed."""
    if os.path.lexists(path):
        return False
    above, name = os.path.split(path)
    if name != b".ssh":
        raise Failure("{}: there is no such folder".format(text(path)))
    folder = _open(above)
    try:
        os.mkdir(name, 0o700, dir_fd=folder)
    finally:
        os.close(folder)
    return True


@contextmanager
def _within(path: bytes) -> Iterator[Tuple[int, bytes]]:
    """The folder that a file is in, for us alone, and its name there."""
    above, name = os.path.split(path)
    folder = _open(above)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield folder, name
    finally:
        os.close(folder)


def _open(path: bytes) -> int:
    """A folder, reached over folders that root alone can change, and over no link."""
    folder = os.open(b"/", os.O_RDONLY | os.O_DIRECTORY)
    for name in filter(None, path.split(b"/")):
        try:
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        except NotADirectoryError:
            raise Failure(
                "{}: {} is a link or no folder, and is not followed".format(text(path), text(name))
            ) from None
        finally:
            os.close(folder)
        folder = inner
        _check(os.fstat(folder), path, sticky=True)
    return folder


def is_ours_alone(state: os.stat_result, sticky: bool = False) -> bool:
    """Whether nobody else owns a file or a folder, or may write there.

    + sticky: whether others may, where they can change nothing that is not theirs
    """
    open_to_others = state.st_mode & _WORLD and not (sticky and state.st_mode & stat.S_ISVTX)
    return state.st_uid == os.geteuid() and not open_to_others


def _check(state: os.stat_result, path: bytes, sticky: bool) -> None:
    if not is_ours_alone(state, sticky):
        raise Failure(
            "{}: others than root may write there: `chown root` and `chmod go-w` what they "
            "should not".format(text(path))
        )


def _read(folder: int, name: bytes, path: bytes) -> Tuple[Optional[os.stat_result], bytes]:
    """What a file is and holds; None and nothing where there is none."""
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return None, b""
    except OSError as error:
        raise Failure("{}: {}".format(text(path), error.strerror)) from error
    with os.fdopen(file, "rb") as reader:
        state = os.fstat(reader.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise Failure("{}: this is no file".format(text(path)))
        _check(state, path, sticky=False)
        return state, reader.read()


def _write(folder: int, name: bytes, content: bytes, like: Optional[os.stat_result]) -> None:
    """Replace a file by a whole one of the same owner and mode."""
    draft = name + _DRAFT
    with suppress(FileNotFoundError):
        os.unlink(draft, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(draft, flags, 0o600, dir_fd=folder), "wb") as file:
            if like:
                os.fchown(file.fileno(), like.st_uid, like.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(like.st_mode))
                _attributes(folder, name, file.fileno())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft, dir_fd=folder)
        raise
    os.fsync(folder)


def _attributes(folder: int, name: bytes, to: int) -> None:
    """Give a file the extended attributes of another one, SELinux's label among them."""
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
    try:
        for key in os.listxattr(file):
            with suppress(OSError):
                os.setxattr(to, key, os.getxattr(file, key))
    finally:
        os.close(file)
