"""What copying needs on the clients: dfuse, libioil, Python; MPI and dcp for parallel copies."""

import shlex
from collections.abc import Iterator

from ...daos.node import AGENT
from ...rules.findings import Finding, about, for_each
from ..record import memory
from ..run import MigrationRun
from . import copiers

HOSTS = "/run/daos-offline-update/hosts"

# What is missing, to the package that brings it.
_PACKAGES = {
    "dfuse": "daos-client",
    "daos": "daos-client",
    "libioil": "daos-client",
    "python3": "python3",
    "mpirun": "mpich (setting mpirun: its path, where it is not on root's PATH)",
    "dcp": "mpifileutils (setting dcp: its path, where it is not on root's PATH)",
}

_LOOK = """\
for program in daos dfuse; do command -v $program >/dev/null || echo $program; done
[ -e {libioil} ] || echo libioil
command -v python3 >/dev/null || [ -x /usr/libexec/platform-python ] || echo python3
command -v {mpirun} >/dev/null || echo mpirun
command -v {dcp} >/dev/null || echo dcp
true
"""
_TRY = 120  # seconds for mpirun to reach all clients


def findings(current: MigrationRun, parallel: bool) -> Iterator[Finding]:
    """What is missing on the clients that copy, each with the package that brings it.

    + parallel: whether any container is copied in parallel
    """
    idle = [name for name in copiers.names(current) if not current.start.node(name).serves(AGENT)]
    yield from about("no-agent", idle, "daos_agent does not run: systemctl start daos_agent")
    site = current.site
    programs = {"libioil": site.libioil, "mpirun": site.mpirun, "dcp": site.dcp}
    line = _LOOK.format(**{name: shlex.quote(path) for name, path in programs.items()})
    answers = copiers.each(current, lambda client: current.command(client, line))
    missing = []
    for host, (done, output, errors) in answers:
        if not done and not output:
            yield Finding("no-answer", (host.name,), f"it does not tell what it has: {errors}")
        for word in output.split():
            if parallel or word not in ("mpirun", "dcp"):
                what = site.libioil if word == "libioil" else word
                message = f"{what} is missing there: install {_PACKAGES[word]}"
                missing.append((host.name, message))
    yield from for_each("program-missing", missing)


def write_hosts(current: MigrationRun) -> str | None:
    """Write the host file of parallel copies on the client that starts them; else what not."""
    names = [current.start.node(name).hostname for name in copiers.names(current)]
    text = "".join(f"{name}\n" for name in names)
    return memory.put(current, copiers.first(current), HOSTS, text.encode())


def try_mpirun(current: MigrationRun) -> Iterator[Finding]:
    """See that mpirun starts a process on every client that copies."""
    client = copiers.first(current)
    problem = write_hosts(current)
    names = copiers.names(current)
    hostnames = {current.start.node(name).hostname for name in names}
    line = f"{shlex.quote(current.site.mpirun)} -np {len(names)} -f {HOSTS} hostname"
    done, output, errors = current.command(client, line, _TRY)
    answered = {word.split(".")[0] for word in output.split()}
    if problem or not done or not hostnames <= answered:
        said = problem or (errors or output).strip()[-500:] or "nothing"
        lacking = ", ".join(sorted(hostnames - answered))
        yield Finding(
            "mpirun-fails",
            (client.name,),
            f"`{line}` did not reach {lacking or 'all'}: {said}. Root of each client that copies "
            "has to reach the others by ssh without a password; or set copy_way = 'serial'",
        )
