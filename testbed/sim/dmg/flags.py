"""A command line as dmg's library (go-flags) takes it: words and options in any order.

The first thing that is wrong is what is said, in the order in which it was typed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..common.options import UsageError
from .grammar import HELP, Command, Option


class Help(Exception):
    """--help was given, at the command that `path` ends with."""

    def __init__(self, path: list[Command]) -> None:
        super().__init__()
        self.path = path


@dataclass
class Given:
    """A command line as far as it was read.

    + path: the program, and the commands that were named
    + options: by their long names; "yes" for one without a value
    + arguments: the command's own
    + rest: words that are too many
    """

    path: list[Command]
    options: dict[str, str] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)


def read(given: Given, argv: list[str]) -> None:
    """Read a command line into `given`. Raises UsageError, or Help."""
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "--":
            _take(given, words)
            break
        if _is_option(word):
            _option(given, word, words)
        elif not given.path[-1].commands:
            _take(given, [word])
        elif below := given.path[-1].sub(word):
            given.path.append(below)
            _refuse_unknown(given)
        else:
            given.rest.append(word)
            break
    _check_required(given)
    if given.path[-1].commands:
        raise UsageError(_wanted(given))


def _is_option(word: str) -> bool:
    return len(word.lstrip("-")) > 0 and (len(word) - len(word.lstrip("-"))) in (1, 2)


def _refuse_unknown(given: Given) -> None:
    command = given.path[-1]
    if not command.commands and not command.simulated:
        typed = " ".join(c.name for c in given.path)
        raise UsageError(f"`{typed}' is not simulated in this lab")


def _take(given: Given, words: list[str]) -> None:
    free = len(given.path[-1].arguments) - len(given.arguments)
    given.arguments += words[:free]
    given.rest += words[free:]


def _option(given: Given, word: str, words: list[str]) -> None:
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        option = next((o for o in _known(given) if o.long == name), None)
        _set(given, _found(option, name), value if equals else None, words)
        return
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        option = _found(next((o for o in _known(given) if o.short == letter), None), letter)
        attached = letters.removeprefix("=") if letters and option.takes else None
        _set(given, option, attached, words)
        letters = "" if option.takes else letters


def _found(option: Option | None, name: str) -> Option:
    if option is None:
        raise UsageError(f"unknown flag `{name}'")
    return option


def _known(given: Given) -> Iterator[Option]:
    yield HELP
    for command in given.path:
        yield from command.options


def _set(given: Given, option: Option, attached: str | None, words: list[str]) -> None:
    if option is HELP:
        raise Help(given.path)
    if not option.takes:
        if attached is not None:
            raise UsageError(f"bool flag `{option}' cannot have an argument")
        given.options[option.long] = "yes"
        return
    if attached is None and not words:
        raise UsageError(f"expected argument for flag `{option}'")
    value = words.pop(0) if attached is None else attached
    if attached is None and _is_option(value):
        raise UsageError(f"expected argument for flag `{option}', but got option `{value}'")
    if option.takes == "uint32" and not value.isdecimal():
        problem = f'strconv.ParseUint: parsing "{value}": invalid syntax'
        raise UsageError(f"invalid argument for flag `{option}' (expected uint32): {problem}")
    given.options[option.long] = value


def _check_required(given: Given) -> None:
    missing = sorted(
        f"`{o}'" for o in given.path[-1].options if o.must and o.long not in given.options
    )
    if len(missing) == 1:
        raise UsageError(f"the required flag {missing[0]} was not specified")
    if missing:
        listed = f"{', '.join(missing[:-1])} and {missing[-1]}"
        raise UsageError(f"the required flags {listed} were not specified")


def _wanted(given: Given) -> str:
    """What is said where a command was expected."""
    names = given.path[-1].names()
    choice = f"lease specify one command of: {', '.join(names[:-1])} or {names[-1]}"
    if not given.rest:
        return f"Please specify the {names[0]} command" if len(names) == 1 else f"P{choice}"
    unknown = f"Unknown command `{given.rest[0]}'"
    close, distance = _closest(given.rest[0], names)
    if distance / len(close) < 0.5:
        return f"{unknown}, did you mean `{close}'?"
    if len(names) == 1:
        return f"{unknown}. You should use the {names[0]} command"
    return f"{unknown}. P{choice}"


def _closest(word: str, names: list[str]) -> tuple[str, int]:
    distance, _, name = min((_distance(word, n), index, n) for index, n in enumerate(names))
    return name, distance


def _distance(word: str, name: str) -> int:
    """How far two words are apart, as the library counts: not as its textbook does.

    The last cell of the first row is left at 0.
    """
    if not word or not name:
        return len(word) + len(name)
    above = [*range(len(name)), 0]
    for row, letter in enumerate(word):
        line = [row + 1]
        for column, other in enumerate(name):
            if letter == other:
                line.append(above[column])
            else:
                line.append(1 + min(above[column], line[column], above[column + 1]))
        above = line
    return above[-1]
