"""What stands in the way of an update: findings, each with a code, the nodes, and what to do."""

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ..daos.node_sets import fold
from ..daos.shown import in_one_piece
from . import codes, secrets

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class Finding:
    """One thing that stands in the way.

    + code: what it is, for scripts ("no-answer", "in-use", ...); one of the catalogue in codes
    + hosts: the nodes that it is about; none where it is about the whole system
    + message: a sentence that says what is wrong and what to do
    """

    code: str
    hosts: tuple[str, ...]
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", in_one_piece(secrets.masked(self.message)))
        if self.code not in codes.KNOWN:
            raise ValueError(f"{self.code!r} is not in the catalogue, operations/rules/codes.toml")

    def __str__(self) -> str:
        where = f" on {fold(self.hosts)}" if self.hosts else ""
        return f"[{self.code}]{where}: {self.message}"

    def as_dict(self) -> dict[str, Any]:
        """The finding as it stands in report.json."""
        return {"code": self.code, "hosts": sorted(self.hosts), "message": self.message}


def about(code: str, hosts: Iterable[str], message: str) -> list[Finding]:
    """One finding about `hosts`, or none where there are no such hosts."""
    names = tuple(hosts)
    return [Finding(code, names, message)] if names else []


def grouped(said: Iterable[tuple[str, T | None]]) -> dict[T, list[str]]:
    """What is said of nodes, each with all the nodes of which it is said; None says nothing.

    + said: the name of a node, and what is said of it
    """
    groups: dict[T, list[str]] = {}
    for name, what in said:
        if what is not None:
            groups.setdefault(what, []).append(name)
    return groups


def in_words(found: Mapping[str, Iterable[str]]) -> str:
    """What nodes have, each with these: "2.0.1 on s1, 2.0.3 on s[2-3]"."""
    return ", ".join(f"{what} on {fold(names)}" for what, names in sorted(found.items()))


def for_each(code: str, said: Iterable[tuple[str, str | None]]) -> list[Finding]:
    """A finding for each message, about all the nodes that have it; arguments as in `grouped`."""
    return [Finding(code, tuple(names), message) for message, names in grouped(said).items()]


def folded(findings: Iterable[Finding]) -> list[Finding]:
    """Findings that say the same, each of its own node, as one about all of these nodes.

    A message that has the node's own name in it says "the node" in its place then.
    """
    alike: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        said = finding.message
        if len(finding.hosts) == 1:
            own = rf"(?<![\w.-]){re.escape(finding.hosts[0])}(?![\w-])"
            said = re.sub(own, "the node", said)
        alike.setdefault((finding.code, said), []).append(finding)
    return [
        found[0] if len(found) == 1 else Finding(code, _hosts(found), said)
        for (code, said), found in alike.items()
    ]


def _hosts(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(host for finding in findings for host in finding.hosts))
