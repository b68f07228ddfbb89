"""The package manager of each node: nothing in its way, and the target within its reach."""

import re
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from itertools import chain

from pyinfra.api import Host

from ..daos.node import Node
from ..daos.package_managers import CHECK
from ..machinery import hosts, packaging, signing_key
from ..machinery.run import Run
from ..rules import gates
from ..rules.findings import Finding, about, for_each, grouped, in_words
from ..rules.view import View
from . import dependencies

# How yum and dnf say that all they need is a yes, which --assumeno does not give them.
_ONLY_A_YES = re.compile(r"^(operation aborted|exiting on user)", re.IGNORECASE | re.MULTILINE)
# How they go on without a package that is missing, excluded, locked or in conflict, whatever they
# are told. That something else is locked or skipped, a kernel or a repository, is no matter.
_WITHOUT = re.compile(
    r"^(No match for argument|No package .* available|All matches were filtered out"
    r"|Skipping packages|Skip +\d+ package|Packages skipped|Nothing to do"
    r"|.*\b(skip|exclud|filter|lock)\w*\b.*\bdaos"
    r"|.*\bdaos.*\b(skipped|excluded|filtered|locked)\b)",
    re.IGNORECASE | re.MULTILINE,
)
# What tells of progress, and is another line on each node; and what an older yum does not know.
_CHATTER = re.compile(
    r"^(Last metadata expiration check|Retrieving|Building|Loading|Main config did not)\b|B/s \|"
)
_LINES = 6

# Findings about a node that leave its package manager nothing to resolve.
_POINTLESS = {
    *("no-answer", "unreadable", "not-installed", "mixed-packages", "no-update-path"),
    *("unsupported-system", "unknown-distribution", "package-manager-busy", "no-space"),
}


def space(view: View, least: int) -> Iterator[Finding]:
    """Nodes with less free space than packages need.

    + least: MiB that have to be free wherever packages are written
    """
    for name, node in view.of().items():
        full = [f"{free} MiB on {path}" for path, free in node.space.items() if free < least]
        if full:
            yield Finding(
                "no-space",
                (name,),
                f"there are only {' and '.join(full)} free, and packages need {least} MiB: make "
                "room (old packages in /var/cache?), or lower free_space_mib in group_data/all.py",
            )


def writable(view: View) -> list[Finding]:
    """Nodes that can neither be updated, nor remember what they have to get back."""
    places = ((name, ", ".join(node.read_only) or None) for name, node in view.of().items())
    return [
        Finding(
            "read-only",
            tuple(names),
            f"nobody can write to {place}, and an update writes there: mount it for writing "
            "(`mount -o remount,rw`), then type the same command again. A node whose system is an "
            "image is updated by another image, DAOS being stopped",
        )
        for place, names in grouped(places).items()
    ]


def idle(view: View) -> Iterator[Finding]:
    """Nodes where a package manager is at work, whose lock would keep the update waiting."""
    for name, node in view.of().items():
        if node.managers:
            at_work = "; ".join(map(str, node.managers))
            # To end the one of an update would leave half of it.
            message = (
                f"{at_work} is at work: wait for its end{'' if node.record else ', or end it'}"
            )
            yield Finding("package-manager-busy", (name,), message)


def within_reach(current: Run, found: Collection[Finding]) -> list[Finding]:
    """Nodes whose package manager cannot get the target with all that it depends on.

    It resolves, in parallel on all nodes that are not at the target, and changes nothing.

    + found: what was found so far; a node is not asked where the answer could tell nothing new
    """
    named = {host for finding in found if finding.code in _POINTLESS for host in finding.hosts}
    names = sorted(current.start.outdated - named)
    unknown = dependencies.learn(current, names)
    if unknown:
        return unknown
    # A node from half the way has more to finish than an installation; `updated` does.
    asked = [
        current.host(name) for name in names if not current.start.node(name).half(current.target)
    ]
    said = hosts.at_once(asked, lambda host: _resolved(current, host))
    problems = [(host.name, _problem(current, host, *it)) for host, it in said.items()]
    outputs = {host.name: output for host, (_, output, _) in said.items()}
    found_here = for_each("packages-not-available", problems)
    found_here += for_each("foreign-package", _from_elsewhere(current, outputs))
    return found_here or _several_builds(current, outputs)


def _from_elsewhere(current: Run, said: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """Nodes that would have packages of DAOS from another repository than its own.

    It is left out where a file defines it, and may be defined elsewhere: in dnf.conf, by a plugin.

    + said: node name to what its package manager says of the target
    """
    for name, output in said.items():
        node = current.start.node(name)
        names = packaging.missing(node, current.start.roles(name), current.target)
        sources = packaging.distribution(current, node).manager.sources_of(output)
        others = {it: sources[it] for it in names if not sources.get(it, CHECK).startswith(CHECK)}
        yield name, _not_from(others) if others else None


def _not_from(others: Mapping[str, str]) -> str:
    found = grouped(others.items())
    rows = "; ".join(f"{', '.join(names)} from {source}" for source, names in found.items())
    return (
        f"these would not come from DAOS's own repository: {rows}. Where that is defined "
        "(/etc/dnf/dnf.conf, /etc/yum.conf, a plugin?), say enabled=0 or exclude=daos*, and take "
        "disable_excludes out; then type the same command again"
    )


def foreign(current: Run) -> list[Finding]:
    """Nodes that an earlier run of this update has brought to the target with other packages.

    What was installed there before the update is the site's own matter.
    """
    asked = [current.host(name) for name in current.start.where(partial(_updated, current))]
    unknown = _found(hosts.at_once(asked, lambda host: _learnt(current, host)))
    said = _found(hosts.at_once(asked, lambda host: _foreign(current, host)) if not unknown else {})
    return for_each("signing-key", unknown) + for_each("foreign-package", said)


def _found(said: Mapping[Host, str | None]) -> list[tuple[str, str]]:
    return [(host.name, problem) for host, problem in said.items() if problem]


def _updated(current: Run, node: Node) -> bool:
    before = node.record.release if node.record else ""
    return bool(before) and before != str(current.target) and node.at(current.target)


def _learnt(current: Run, host: Host) -> str | None:
    return learn_keys(current, host, current.start.node(host.name))


def _foreign(current: Run, host: Host) -> str | None:
    return packaging.foreign(current, current.start.node(host.name), current.keys[host.name])


def learn_keys(current: Run, host: Host, node: Node) -> str | None:
    """Learn which keys a node's packages have to be signed by; why they are not known, if so."""
    line = signing_key.line(packaging.repository(current, node))
    done, output, errors = current.ask(host, line, current.settings.timeouts["packages"])
    return _known(current, host, node, output if done else "", errors or output)


def trust_keys(current: Run, host: Host, node: Node, then: str) -> tuple[str | None, str | None]:
    """Have a node's package manager and rpm take these keys from now on, and run a command then.

    Returns why they are not known, if so, and else why the command failed, if it did.
    """
    line = signing_key.line(packaging.repository(current, node), trusts=True)
    timeout = current.settings.timeouts["packages"]
    done, output, errors = current.act(host, f"{line.rstrip()} && {then}", timeout)
    unknown = _known(current, host, node, output, errors or output)
    return unknown, None if done or unknown else errors.strip() or "it gives no reason"


def _known(current: Run, host: Host, node: Node, told: str, said: str) -> str | None:
    """Remember the keys that were told; why there are none, if so.

    + said: what the node has said instead
    """
    current.keys[host.name] = signing_key.ids(told)
    if current.keys[host.name]:
        return None
    repository = packaging.repository(current, node)
    typed = signing_key.typed(repository)
    return f"{signing_key.wrong(repository)}.\n    $ {typed}\n    {said.strip()}"


def _resolved(current: Run, host: Host) -> tuple[bool, str, str]:
    """How the package manager of a node resolves the target, as of `hosts.command`."""
    node = current.start.node(host.name)
    resolve = packaging.distribution(current, node).manager.resolve
    line = packaging.tried(current, resolve, host.name, node)
    return current.ask(host, line, current.settings.timeouts["packages"])


def _problem(current: Run, host: Host, done: bool, output: str, errors: str) -> str | None:
    """What the package manager of a node says against the target, None if nothing."""
    node, besides = current.start.node(host.name), current.dependencies.get(host.name, ())
    names = packaging.missing(node, current.start.roles(host.name), current.target)
    names += [dependency.name for dependency in besides]
    problem = complaint(done, output, errors, names)
    return f"{packaging.not_had(besides)}.\n{problem}" if problem else None


def _several_builds(current: Run, said: Mapping[str, str]) -> list[Finding]:
    """Servers that would get several builds, as from mirrors that are not synced alike.

    On the way back they get what they had.

    + said: node name to what its package manager says of the target
    """
    found = gates.builds(
        current.start, lambda name, node: _to_get(current, node, said.get(name, ""))
    )
    if current.procedure.back or len(found) < 2:
        return []
    message = f"their repositories offer several builds: {in_words(found)}"
    return about(
        "mixed-versions",
        chain.from_iterable(found.values()),
        f"{message}. Bring these to one state (mirrors?). {gates.NAME_THE_BUILD}",
    )


def _to_get(current: Run, node: Node, said: str) -> str | None:
    """The build that a node has at the target, or would get; None where that is not known."""
    if node.at(current.target):
        return node.builds
    return packaging.distribution(current, node).manager.offered(said)


def complaint(done: bool, output: str, errors: str, names: Collection[str] = ()) -> str | None:
    """What a package manager says against a transaction, in its last lines; None if nothing.

    + done: whether it exited 0, which yum and dnf never do where something is to be installed
    + names: the packages that it has to name among what it would install
    """
    said = f"{output}\n{errors}"
    if (done or _ONLY_A_YES.search(said)) and not _WITHOUT.search(said):
        unnamed = [name for name in names if not _names(output, name)]
        return f"    it would not install {', '.join(unnamed)}" if unnamed else None
    lines = [line.strip() for line in said.splitlines()]
    telling = [line for line in lines if line and not _CHATTER.search(line)]
    return "\n".join(f"    {line}" for line in telling[-_LINES:]) or "    it gives no reason"


def _names(output: str, package: str) -> bool:
    return re.search(rf"^\s(.*\s)?{re.escape(package)}(\s|$)", output, re.MULTILINE) is not None
