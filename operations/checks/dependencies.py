"""What changes with DAOS on each node: its repository is asked, before anything is touched."""

from collections.abc import Collection

from pyinfra.api import Host

from ..machinery import dependencies, hosts, packaging
from ..machinery.dependencies import Dependency, Package
from ..machinery.run import Run
from ..rules.findings import Finding, for_each


def learn(current: Run, names: Collection[str]) -> list[Finding]:
    """Find out what changes beside DAOS on these nodes, and say where that cannot be known.

    On the way back that is what the update has replaced. Where the operating system is updated in
    the same transaction, it is all that there is newer, and no matter of this.
    """
    if not current.settings.update_dependencies:
        return []
    concerned = [name for name in names if name not in current.procedure.os_updates]
    found = hosts.at_once([current.host(n) for n in concerned], lambda host: _of(current, host))
    for host, it in found.items():
        current.dependencies[host.name] = () if isinstance(it, str) else it
    problems = [(host.name, it) for host, it in found.items() if isinstance(it, str)]
    return for_each("packages-not-available", problems)


def _of(current: Run, host: Host) -> tuple[Dependency, ...] | str:
    """What changes on a node, or what is wrong."""
    node = current.start.node(host.name)
    wanted: Collection[Package] = dependencies.remembered(node)
    if not current.procedure.back:
        line = packaging.tried(
            current, packaging.distribution(current, node).manager.newer, host.name, node
        )
        done, output, errors = current.ask(host, line, current.settings.timeouts["packages"])
        if not done:
            said = (errors or output).strip()
            return f"{packaging.NOT_HAD}.\n    what it has newer cannot be asked: {said}"
        wanted = packaging.newer(current, host.name, node, output)
    if not wanted:
        return ()
    has = installed(current, host, wanted)
    return "rpm does not answer" if has is None else dependencies.changes(has, wanted)


def installed(current: Run, host: Host, wanted: Collection[Package]) -> list[Package] | None:
    """Which releases of packages a node has right now; None where it gives no answer."""
    done, output, _ = current.ask(host, dependencies.asked(name for name, _ in wanted))
    return dependencies.told(output) if done else None
