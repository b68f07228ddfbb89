"""What is copied, whereto and how: what copiers need beside names."""

from typing import NamedTuple, Optional

from .progress import Progress


class Way(NamedTuple):
    """How files get from a source to a destination.

    + source, target: the two folders
    + progress: what is told how far it is
    + preload: the I/O interception library that copiers are given as LD_PRELOAD, None for none
    """

    source: bytes
    target: bytes
    progress: Progress
    preload: Optional[bytes] = None
