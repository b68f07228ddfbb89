"""Whether all that a mount shows is of the container that was mounted.

Anybody can give a folder of his the attribute `user.daos`: the dfuse of root follows it into any
container that root may read, within the one mount, and shows no sign of it (check_for_uns_ep in
src/client/dfuse/ops/lookup.c of v1.0.1 and v1.2.0). What tells the container of an open file is the
ioctl that the interception library asks (dfuse_ioctl.h).
"""

import fcntl
import os
import uuid

from .beneath import Beneath, is_file
from .failure import Failure, text

_ATTRIBUTE = b"user.daos"
_SIZE = 56  # of struct dfuse_il_reply: version, object, UUIDs of pool and container
_IL = 2 << 30 | _SIZE << 16 | 0xA3 << 8 | 0xC1
_REMEDY = (
    "it is an entry point of the unified namespace, and what it leads to is no part of this "
    "container. Note where it leads; then `rmdir` of it removes the entry point alone, and nothing "
    "of what it leads to"
)


class Container:
    """The container that was mounted.

    + text: its UUID. Raises ValueError for what is none
    """

    def __init__(self, text: str) -> None:
        self._uuid = uuid.UUID(text)

    def check(self, file: int, path: bytes) -> None:
        """Raise Failure where an open file is of another container, or that is not told.

        + path: of the file, as it is shown
        """
        answer = bytearray(_SIZE)
        try:
            fcntl.ioctl(file, _IL, answer)
        except OSError as error:
            raise Failure(
                "{}: its dfuse does not tell the container that it is in ({})".format(
                    text(path), error.strerror
                )
            ) from error
        pool, found = uuid.UUID(bytes=bytes(answer[24:40])), uuid.UUID(bytes=bytes(answer[40:56]))
        if found != self._uuid:
            raise Failure(
                "{}, or a folder above it, leads into container {} of pool {}: {}".format(
                    text(os.path.dirname(path)), found, pool, _REMEDY
                )
            )

    def check_in(self, beneath: Beneath, path: bytes) -> bool:
        """The same of a file below a folder; False where it is none any more."""
        try:
            file = beneath.open(path)
        except FileNotFoundError:
            return False
        try:
            if not is_file(file):
                return False
            self.check(file, beneath.full(path))
            return True
        finally:
            os.close(file)

    def check_attribute(self, name: bytes, path: bytes) -> None:
        """Raise Failure for the attribute by which a folder would lead elsewhere in 2.x."""
        if name == _ATTRIBUTE or name.startswith(_ATTRIBUTE + b"."):
            raise Failure("{} has the attribute {}: {}".format(text(path), text(name), _REMEDY))
