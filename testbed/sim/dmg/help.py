"""What --help shows, laid out as dmg's library (go-flags) does it."""

import os
from collections.abc import Sequence

from .grammar import HELP, Command, Option

_WIDTH = 80  # columns, where there is no terminal


def text(path: Sequence[Command]) -> str:
    """The help of the command that `path` ends with; it begins with the program itself."""
    command = path[-1]
    columns = _columns()
    lines = ["Usage:", _usage(path)]
    if len(path) == 1 and command.text:
        lines += ["", *_wrapped(command.text, columns)]
    start = _start(path)
    lines += ["", "Application Options:"]
    lines += [_line(option, start, columns) for option in path[0].options]
    lines += ["", "Help Options:", _line(HELP, start, columns)]
    if len(path) > 1 and command.options:
        lines += ["", f"[{command.name} command options]"]
        lines += [_line(option, start, columns, indent=4) for option in command.options]
    if command.commands:
        lines += ["", "Available commands:", *_commands(command)]
    return "\n".join(lines) + "\n"


def _columns() -> int:
    try:
        return os.get_terminal_size(0).columns or _WIDTH
    except OSError:
        return _WIDTH


def _usage(path: Sequence[Command]) -> str:
    words = [f"{path[0].name} [OPTIONS]"]
    for command in path[1:]:
        words.append(command.name)
        if command.options:
            words.append(f"[{command.name}-OPTIONS]")
        words += [f"[{argument}]" for argument in command.arguments]
    names = path[-1].names()
    if len(names) > 3:
        words.append("<command>")
    elif names:
        words.append(f"<{' | '.join(names)}>")
    return "  " + " ".join(words)


def _start(path: Sequence[Command]) -> int:
    """The column at which descriptions begin: behind the longest option and argument."""
    own = [len(option.long) for option in (*path[0].options, HELP)]
    below = [
        len(name) + 4
        for command in path[1:]
        for name in (*(option.long for option in command.options), *command.arguments)
    ]
    return max(own + below) + 10


def _line(option: Option, start: int, columns: int, indent: int = 0) -> str:
    short = f"-{option.short}, " if option.short else "    "
    head = f"{'':{2 + indent}}{short}--{option.long}{'=' if option.takes else ''}"
    told = f"{option.text} (default: {option.default})" if option.default else option.text
    return head.ljust(start) + ("\n" + " " * start).join(_wrapped(told, columns - start))


def _wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most this width, broken at spaces."""
    lines = []
    for line in text.split("\n"):
        rest = line.strip()
        while len(rest) > max(width, 10):
            cut = rest.rfind(" ", 0, max(width, 10))
            lines.append(rest[:cut].strip())
            rest = rest[cut:].strip()
        lines.append(rest)
    return lines


def _commands(group: Command) -> list[str]:
    width = max(map(len, group.names()))
    return [
        f"  {command.name:<{width}}  {command.text}"
        + (f" (aliases: {', '.join(command.aliases)})" if command.aliases else "")
        for command in sorted(group.commands, key=lambda command: command.name)
    ]
