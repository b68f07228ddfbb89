"""The names of what came in as data: those that nobody reads, and those that only pyinfra does."""

from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from functools import cache

from pyinfra.api import State, arguments

from ..machinery import settings
from ..rules.findings import Finding, grouped

_PROBABLE = 0.6  # of 1; "target_version" is to "target_release" 0.64
_ALIKE = 0.8  # "evict_connection" is to "evict_connections" 0.97

_ARGUMENT = (
    "pyinfra takes it as an argument of every step, which would then not do what the procedure "
    "says. Leave it out; what all nodes need is a flag or a line of config.py"
)

_OTHERWISE = "Correct it, or leave it out; in group_data, _NAME is for the file's own use"


def findings(state: State, words: Collection[str] = ()) -> Iterator[Finding]:
    """Names that are not known, and arguments of pyinfra's own, each with where it stands.

    What is typed and what stands in group_data has to be known: a decision that nobody reads is
    one that does not count. In group_data a name for the file's own use begins with an underscore.
    What the inventory says of a single host is the site's own, unless it looks like a setting.

    + words: what the procedure asks for besides settings
    """
    inventory = state.inventory
    known = {*settings.NAMES, *words, *_of_connections(state)}
    yield from _wrong("--data", inventory.get_override_data(), known)
    for group, data in {"all": inventory.get_data(), **inventory.group_data}.items():
        names = [name for name in data if not name.startswith("_") or name in _arguments()]
        yield from _wrong(f"group_data/{group}.py", names, known)
    own = grouped((h.name, n) for h in inventory for n in inventory.get_host_data(h.name))
    for name, hosts in own.items():
        if name in _arguments() or _meant(name, known, _ALIKE):
            yield from _wrong("the inventory", [name], known, tuple(hosts))


def _of_connections(state: State) -> set[str]:
    """The names by which pyinfra is told how to connect: ssh_user and the like."""
    return {name for host in state.inventory for name in host.connector_cls.data_meta}


def _wrong(
    where: str, names: Iterable[str], known: Collection[str], hosts: tuple[str, ...] = ()
) -> Iterator[Finding]:
    """What is wrong about names that stand in one place."""
    for name in names:
        if name in _arguments():
            yield Finding("bad-setting", hosts, f"{name} ({where}): {_ARGUMENT}")
        elif name not in known:
            meant = _meant(name, known, _PROBABLE)
            ask = f"did you mean {meant}?" if meant else "group_data/all.py lists them all."
            message = f"{name} ({where}) is no setting: {ask} {_OTHERWISE}"
            yield Finding("bad-setting", hosts, message)


def _meant(name: str, known: Collection[str], alike: float) -> str:
    return next(iter(get_close_matches(name, known, n=1, cutoff=alike)), "")


@cache
def _arguments() -> frozenset[str]:
    return frozenset(name for name, _ in arguments.all_global_arguments())
