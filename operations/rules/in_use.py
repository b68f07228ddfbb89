"""Who uses DAOS: a few nodes are told one by one, and of many how many, and whose it is."""

from collections.abc import Iterator, Mapping

from ..daos.node import Node
from ..daos.node_sets import fold
from ..daos.processes import Process
from ..daos.shown import in_line, some
from .findings import Finding, grouped

_FEW = 3  # nodes of which each is told for itself
_DO = "end the jobs and unmount, or set evict_connections = True in group_data/all.py"


def findings(nodes: Mapping[str, Node]) -> list[Finding]:
    """That DAOS is used on nodes; none where it is not."""
    using = {name: node for name, node in nodes.items() if node.users}
    if len(using) <= _FEW:
        return [
            Finding("in-use", (name,), f"{some(node.users)}: {_DO}") for name, node in using.items()
        ]
    count = sum(len(node.users) for node in using.values())
    message = f"DAOS is used {count} times on {len(using)} nodes: {some(in_short(using))}: {_DO}"
    return [Finding("in-use", tuple(using), message)]


def in_short(nodes: Mapping[str, Node]) -> list[str]:
    """By whom, and where, in a few words for each; those with the most processes first."""
    return [*_processes(nodes), *_mounts(nodes)]


def _processes(nodes: Mapping[str, Node]) -> Iterator[str]:
    """Those of one user in a few words; whoever started most of them first."""
    found = ((name, process) for name, node in nodes.items() for process in _of(node))
    by_user: dict[str, list[tuple[str, Process]]] = {}
    for name, process in found:
        by_user.setdefault(_user(process), []).append((name, process))
    for user, theirs in sorted(by_user.items(), key=lambda item: -len(item[1])):
        commands = some(list(dict.fromkeys(in_line(it.command) for _, it in theirs)))
        jobs = sorted({it.job for _, it in theirs if it.job})
        slurm = f", Slurm job{'s' if len(jobs) > 1 else ''} {some(jobs)}" if jobs else ""
        plural = "es" if len(theirs) > 1 else ""
        where = fold(name for name, _ in theirs)
        yield f"{len(theirs)} process{plural} of {user} on {where} ({commands}{slurm})"


def _of(node: Node) -> Iterator[Process]:
    """The processes of a node that use DAOS, but for what serves its mounts."""
    serving = {dfuse.pid for dfuse in node.dfuses}
    yield from (process for process in node.processes if process.pid not in serving)


def _user(process: Process) -> str:
    if process.user:
        return process.user
    return "an unknown user" if process.uid is None else f"uid {process.uid}"


def _mounts(nodes: Mapping[str, Node]) -> Iterator[str]:
    """What is mounted, whoever did that."""
    found = ((name, mount) for name, node in nodes.items() for mount in node.mounts)
    for mount, names in grouped(found).items():
        yield f"dfuse mounted at {in_line(mount)} on {fold(names)}"
    hidden = {name for name, node in nodes.items() if len(node.dfuses) > len(node.mounts)}
    if hidden:
        yield f"dfuse mounted where it cannot be seen on {fold(hidden)}"
