"""The properties of a pool: their names, numbers and values as dmg 2.0 shows them."""

from dataclasses import dataclass, field
from typing import Any

from ..common import options

LABEL = 1


@dataclass(frozen=True)
class Property:
    """A property.

    + number: what the service calls it (daos_prop.h)
    + text: what dmg calls it beside its name
    + raw: whether JSON has it as a number
    + unit: "%" or "bytes", how its number is shown
    + words: the words for its numbers
    """

    name: str
    number: int
    text: str
    raw: bool = False
    unit: str = ""
    words: dict[int, str] = field(default_factory=dict)

    def shown(self, value: int | str) -> str:
        """The value in a table."""
        if isinstance(value, str):
            return value
        if self.name == "self_heal":
            return "exclude" if value & 1 else "rebuild" if value & 2 else "unknown"
        if self.unit == "bytes":
            return binary(value)
        return self.words.get(value, f"{value}{self.unit}")


ALL = (
    Property("ec_cell_sz", 9, "EC cell size", raw=True, unit="bytes"),
    Property("label", LABEL, "Pool label"),
    Property("reclaim", 5, "Reclaim strategy", words={0: "disabled", 1: "lazy", 4: "time"}),
    Property("self_heal", 4, "Self-healing policy", words={1: "exclude", 2: "rebuild"}),
    Property("space_rb", 3, "Rebuild space ratio", raw=True, unit="%"),
)
_BY_NAME = {prop.name: prop for prop in ALL}


def named(text: str) -> list[Property]:
    """The properties that "label,reclaim" names. Raises UsageError."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in _BY_NAME:
            valid = ",".join(_BY_NAME)
            raise options.UsageError(f'"{name}" is not a gettable property (valid: {valid})')
    return [_BY_NAME[name] for name in names]


def given(text: str) -> list[dict[str, Any]]:
    """The properties that "label:tank,reclaim:time" sets, as a request has them.

    Raises UsageError.
    """
    return [_set(pair) for pair in text.split(",") if pair]


def _set(pair: str) -> dict[str, Any]:
    name, colon, value = pair.partition(":")
    if not colon:
        raise options.UsageError(f'invalid property "{pair}" (must be key:val)')
    if name not in _BY_NAME:
        raise options.UsageError(
            f'"{name}" is not a settable property (valid: {",".join(_BY_NAME)})'
        )
    prop = _BY_NAME[name]
    if prop.number == LABEL:
        return {"number": LABEL, "strval": value}
    numbers = {word: number for number, word in prop.words.items()}
    number = numbers[value.lower()] if value.lower() in numbers else options.size(value.strip("%"))
    return {"number": prop.number, "numval": number}


def binary(count: int) -> str:
    """A size in units of 1,024 bytes, as go-humanize writes it."""
    units, power = ("B", "KiB", "MiB", "GiB", "TiB"), 0
    while count >= 1024 ** (power + 1) and power < len(units) - 1:
        power += 1
    value = int(count / 1024**power * 10 + 0.5) / 10
    short = value >= 10 or count < 10
    return f"{value:.0f} {units[power]}" if short else f"{value:.1f} {units[power]}"
