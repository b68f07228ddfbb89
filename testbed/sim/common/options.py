"""Command lines as the DAOS tools take them: options anywhere, `--name=value` or `--name value`."""

import re

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_LABEL = re.compile(r"[A-Za-z0-9._:-]{1,127}")


class UsageError(Exception):
    """A command line that the program does not understand."""


def parse(
    argv: list[str], flags: dict[str, str], values: dict[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Split into options and words.

    `flags` and `values` map spellings ("-j", "--json") to names; a flag that is given has the
    value "yes". Raises UsageError.
    """
    options: dict[str, str] = {}
    words = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if name in flags and not equals:
            options[flags[name]] = "yes"
        elif name in values:
            if not equals and not rest:
                raise UsageError(f"expected argument for flag `{name.lstrip('-')}'")
            options[values[name]] = value if equals else rest.pop(0)
        elif word.startswith("-") and word != "-":
            raise UsageError(f"unknown flag `{name.lstrip('-')}'")
        else:
            words.append(word)
    return options, words


def spelled(**names: str) -> dict[str, str]:
    """The spellings of options: size="-z --size" as {"-z": "size", "--size": "size"}."""
    return {word: name for name, words in names.items() for word in words.split()}


def config_file(argv: list[str], default: str) -> str:
    """The configuration file that a daemon is given."""
    for option in ("-o", "--config", "--config-path"):
        if option in argv:
            return argv[argv.index(option) + 1]
    return default


def is_uuid(text: str) -> bool:
    return bool(_UUID.fullmatch(text))


def is_label(text: str) -> bool:
    """Can it be the label of a pool?"""
    return bool(_LABEL.fullmatch(text)) and not is_uuid(text)


def size(text: str) -> int:
    """Bytes of "8G", "8GB" (decimal, as dmg reads them) or "8GiB". Raises UsageError."""
    number = text.rstrip("BKMGTiPbkmgtp ")
    unit = text[len(number) :].strip().upper().rstrip("B")
    factors = {"": 1}
    for power, letter in enumerate("KMGTP", start=1):
        factors |= {letter: 1000**power, f"{letter}I": 1024**power}
    try:
        return int(float(number) * factors[unit])
    except (ValueError, KeyError):
        raise UsageError(f"invalid size: {text!r}") from None
