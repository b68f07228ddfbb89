"""What is updated beside DAOS: what its repository has newer of what a node has. No I/O.

Source: "update the DAOS RPMs and their dependencies" (DAOS 2.0, offline update).

On the way back each node gets again what it had, of what the update has replaced: an older DAOS
would be installed over newer libraries that nobody has tried it with, and a library may be the very
reason to go back. So a node remembers it before its transaction. Where no repository holds the old
one any more, that is found before anything stops, and the site may leave it as it is.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ..daos.node import Node
from ..daos.window_file import name_of


@dataclass(frozen=True)
class Dependency:
    """A package beside those of DAOS that a node gets in another release in the same transaction.

    + before, after: the releases, each with the architecture: "21.07-8.noarch"
    """

    name: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.name} {self.before} -> {self.after}"


Package = tuple[str, str]  # its name, and its release with the architecture

_INSTALLED = r"%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}.%{ARCH}\n"
_EPOCH = re.compile(r"-\d+:")


def asked(names: Iterable[str]) -> str:
    """The shell command that tells which releases of packages are installed."""
    return f"LC_ALL=C rpm -q --queryformat '{_INSTALLED}' {' '.join(sorted(set(names)))} || true"


def told(output: str) -> list[Package]:
    """What that command tells of those that are installed."""
    words = [line.split() for line in output.splitlines()]
    return [(line[0], line[1]) for line in words if len(line) == 2]


def remembered(node: Node) -> list[Package]:
    """What a node had before the update that is under way, of what that has replaced."""
    packages = node.record.dependencies if node.record else ()
    return [(name_of(package), package[len(name_of(package)) + 1 :]) for package in packages]


def changes(has: Collection[Package], wanted: Iterable[Package]) -> tuple[Dependency, ...]:
    """What changes on a node that has these packages, to have those that are wanted."""
    found = []
    for name, release in wanted:
        others = [it for known, it in has if known == name and it != release]
        same = [it for it in others if _architecture(it) == _architecture(release)]
        # Of another architecture it may replace one that is not there already.
        replaced = same if (name, release) in has else same or others
        found += [Dependency(name, it, release) for it in replaced[:1]]
    return tuple(found)


def _architecture(release: str) -> str:
    return release.rpartition(".")[2]


# A transaction that was cut short may have left the old one beside the new one.
_TIDIED = 'if [ "$(rpm -q {name} | grep -c .)" -gt 1 ]; then rpm -e {old}; fi && '


def tidied(node: Node) -> str:
    """What a package transaction begins with on a node, as shell commands; "" for nothing."""
    lines = (
        _TIDIED.format(name=f"{name}.{_architecture(it)}", old=_EPOCH.sub("-", f"{name}-{it}"))
        for name, it in remembered(node)
    )
    return "".join(lines)
