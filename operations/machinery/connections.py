"""What pyinfra's connections do otherwise than a run over many nodes needs; config.py mends it."""

import paramiko.file


def mend() -> None:
    """Have connections behave; config.py calls this before the first is made."""
    # paramiko would raise in the greenlet that reads, and the rest of the answer would be lost.
    paramiko.file.u = text  # type: ignore[attr-defined]


def text(content: bytes | str) -> str:
    """What a node printed; bytes that are no UTF-8 are written as `\\xff`."""
    return content.decode(errors="backslashreplace") if isinstance(content, bytes) else content
