"""The answer to a command, told apart from what else a node prints.

A login script that prints does so before the command has begun, or after it has ended.
"""

_BEGIN = "== daos-offline-update begins"
_END = "== daos-offline-update ends"


def framed(line: str) -> str:
    """The shell command that runs `line`, and marks where its answer begins and ends."""
    # Each mark is on a line of its own, whatever was printed before it.
    begin = f"printf '\\n%s\\n' '{_BEGIN}'"
    return f"{begin}; {begin} >&2\n(\n{line}\n)\nfound=$?; printf '\\n%s\\n' '{_END}'; exit $found"


def within(text: str) -> str | None:
    """What stands between the marks, in one of the streams; None where the command never began.

    + text: all that came; where the end is missing, the answer was cut short
    """
    _, begun, rest = f"\n{text}\n".partition(f"\n{_BEGIN}\n")
    if not begun:
        return None
    answer, ended, _ = f"\n{rest}".partition(f"\n{_END}\n")
    return answer[1:].removesuffix("\n") if ended else rest.removesuffix("\n")
