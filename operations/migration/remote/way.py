"""What is copied, whereto and how: what copiers need beside names."""

from typing import NamedTuple, Optional

from .container import Container
from .progress import Progress


class Way(NamedTuple):
    """How files get from a source to a destination.

    + source, target: the two folders
    + progress: what is told how far it is
    + preload: the I/O interception library that copiers are given as LD_PRELOAD, None for none
    + container: the container that all of the source has to be of, None where it is none of DAOS
    """

    source: bytes
    target: bytes
    progress: Progress
    preload: Optional[bytes] = None
    container: Optional[Container] = None
