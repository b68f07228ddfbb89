"""Where something is mounted, in all its bytes: a name may hold any but NUL. No I/O.

What is no UTF-8 is kept in a text as Python does it everywhere ("surrogateescape"); where it is
shown, `rules/shown` makes it visible.
"""

import re

_BYTE = re.compile(rb"\\x([0-9a-f]{2})")
_PLAIN = frozenset(range(0x21, 0x7F)) - {ord("\\")}


def decoded(written: str) -> str:
    r"""A path as `findmnt -r` writes it: whatever is no plain character of ASCII is \xHH there."""
    raw = _BYTE.sub(lambda match: bytes([int(match[1], 16)]), written.encode())
    return raw.decode("utf-8", "surrogateescape")


def written(path: str) -> str:
    """The same the other way round."""
    raw = path.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in _PLAIN else f"\\x{byte:02x}" for byte in raw)


def for_shell(name: str, path: str) -> str:
    """The shell commands that set a variable to a path, byte for byte.

    + name: of the variable
    """
    octal = "".join(f"\\0{byte:03o}" for byte in path.encode("utf-8", "surrogateescape"))
    # What ends the text keeps the shell from taking the ends of lines there away.
    return f"{name}=$(printf '%b.' '{octal}'); {name}=${{{name}%.}}"
