"""The answer to a command, told apart from what else a node prints, whatever its login shell is.

A login script that prints does so before the command has begun, or after it has ended. And the
answers of two commands that go to a node as one, told apart from each other.
"""

import secrets
import shlex
from functools import lru_cache

# No login script prints what nobody knows before the run.
_RUN = secrets.token_hex(4)
_BEGIN = f"== daos-offline-update {_RUN} begins"
_END = f"== daos-offline-update {_RUN} ends"
ENDED = f"== daos-offline-update {_RUN} ended"  # the first of two commands, and its exit code

# What is no plain character between single quotes for every login shell: csh and tcsh end a word
# at the end of a line, and take ! for an older command; fish takes \\ for one backslash. The
# backslash comes first: the others are written with one.
_NO_PLAIN = {character: rf"\0{ord(character):03o}" for character in "\\\n!"}


@lru_cache(maxsize=64)  # thousands of nodes are asked the same
def framed(line: str) -> str:
    """The shell command that runs `line`, and marks where its answer begins and ends.

    It is one line that sh and the login shell of any administrator read alike.
    """
    # Each mark is on a line of its own, whatever was printed before it.
    begin = f"printf '\\n%s\\n' '{_BEGIN}'"
    text = f"{begin}; {begin} >&2\n(\n{line}\n)\nfound=$?; printf '\\n%s\\n' '{_END}'; exit $found"
    for character, written in _NO_PLAIN.items():  # str.translate takes ten times as long
        text = text.replace(character, written)
    return f'eval "$(printf %b {shlex.quote(text)})"'


def within(text: str) -> str | None:
    """What stands between the marks, in one of the streams; None where the command never began.

    + text: all that came; where the end is missing, the answer was cut short
    """
    _, begun, rest = f"\n{text}\n".partition(f"\n{_BEGIN}\n")
    if not begun:
        return None
    answer, ended, _ = f"\n{rest}".partition(f"\n{_END}\n")
    return answer[1:].removesuffix("\n") if ended else rest.removesuffix("\n")


def and_then(line: str, question: str) -> str:
    """One shell command that runs `line`, says how that has ended, and asks something.

    It exits as the question does.
    """
    return f"(\n{line}\n)\nprintf '\\n{ENDED} %s\\n' $?\n{question}"


def apart(output: str) -> tuple[int | None, str, str]:
    """What came of such a command.

    Returns the exit code of the line, None where it has not ended; what it printed; and what the
    question was answered.
    """
    # The first one: in the answer is what the user of daos_server may have written.
    said, ended, rest = f"\n{output}".partition(f"\n{ENDED} ")
    if not ended:
        return None, output, ""
    code, _, answer = rest.partition("\n")
    return int(code), said.removeprefix("\n"), answer
