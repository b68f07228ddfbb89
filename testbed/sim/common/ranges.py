"""Sets of ranks and of hosts, as dmg reads and writes them."""

import re
from collections.abc import Iterable


def folded(ranks: Iterable[int], brackets: bool = True) -> str:
    """[0, 1, 2, 5] as [0-2,5] (or without brackets); a single rank never has brackets."""
    runs: list[list[int]] = []
    for rank in sorted(set(ranks)):
        if runs and runs[-1][1] == rank - 1:
            runs[-1][1] = rank
        else:
            runs.append([rank, rank])
    text = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
    single = len(runs) == 1 and runs[0][0] == runs[0][1]
    return f"[{text}]" if brackets and runs and not single else text


def ranks_of(text: str) -> list[int]:
    """ "0-2,5" or "[0-2,5]" as [0, 1, 2, 5]. Raises ValueError where it is no such set."""
    ranks: set[int] = set()
    for part in text.strip("[]").split(","):
        if part:
            first, _, last = part.partition("-")
            ranks.update(range(int(first), int(last or first) + 1))
    return sorted(ranks)


def listed(text: str, separator: str) -> list[int]:
    """Ranks as the C programs of 1.0 read them, "0,1" as [0, 1].

    Of each part only the digits at its begin count, so that the wrong separator hides all but the
    first rank. No ranks at all are a mistake.
    """
    return [_leading_number(part) for part in text.split(separator) if part]


def _leading_number(text: str) -> int:
    found = re.match(r"\s*[+-]?\d+", text)
    return int(found[0]) if found else 0


def folded_hosts(hosts: Iterable[str]) -> str:
    """["a-01:1", "a-02:1", "b:1"] as a-[01-02]:1,b:1."""
    groups: dict[tuple[str, int, str], list[str]] = {}
    for host in hosts:
        name, colon, port = host.partition(":")
        head = name.rstrip("0123456789")
        digits = name[len(head) :]
        groups.setdefault((head, len(digits), colon + port), []).append(digits)
    return ",".join(
        head + _folded_numbers(numbers, width) + tail
        for (head, width, tail), numbers in sorted(groups.items())
    )


def _folded_numbers(numbers: list[str], width: int) -> str:
    """["01", "02", "04"] as [01-02,04]; one alone without brackets."""
    if len(set(numbers)) == 1:
        return numbers[0]
    text = folded(map(int, numbers))
    return re.sub(r"\d+", lambda number: number[0].zfill(width), text)


def hosts_of(text: str) -> list[str]:
    """ "a-[01-02],b" as ["a-01", "a-02", "b"]. Raises ValueError where it is no such set."""
    return [host for part in _split(text) for host in _expanded(part)]


def _split(text: str) -> list[str]:
    """Split at the commas outside of brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += {"[": 1, "]": -1}.get(character, 0)
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def _expanded(part: str) -> list[str]:
    head, bracket, rest = part.partition("[")
    if not bracket:
        return [part]
    inside, _, tail = rest.partition("]")
    names = []
    for piece in inside.split(","):
        first, _, last = piece.partition("-")
        for number in range(int(first), int(last or first) + 1):
            names += _expanded(f"{head}{number:0{len(first)}d}{tail}")
    return names
