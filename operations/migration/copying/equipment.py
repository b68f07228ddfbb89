"""What copying needs on the clients: dfuse, libioil, Python; MPI and dcp for parallel copies."""

import shlex
from collections.abc import Iterator

from pyinfra.api import Host

from ...daos.node import AGENT
from ...rules import silence
from ...rules.findings import Finding, about, for_each
from ..record import memory
from ..remote import parallel
from ..run import MigrationRun
from . import access, copiers, jobs
from .copiers import CopyError

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
_TRY = 60  # seconds for mpirun to reach all clients
_TRIES = 2  # a program as short as `hostname` may have ended before mpirun is ready for that


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
    """See that mpirun starts a process on every client that copies, by the key of a copy.

    Where that key cannot be had, a site may have means of its own for root to get there.
    """
    client = copiers.first(current)
    problem = write_hosts(current)
    names = copiers.names(current)
    hostnames = {current.start.node(name).hostname for name in names}
    typed = [current.site.mpirun, "-np", str(len(names)), "-f", HOSTS, "hostname"]
    for _ in range(_TRIES):
        done, output, errors, unusable = _started(current, client, typed)
        answered = {word.split(".")[0] for word in output.split()}
        if not problem and done and hostnames <= answered:
            return
        # Where ssh of the site's own does not get there, mpirun does not end by itself.
        if silence.is_silent(errors):
            break
    said = problem or _heard(errors or output) or "nothing"
    lacking = ", ".join(sorted(hostnames - answered))
    yield Finding(
        "mpirun-fails",
        (client.name,),
        f"`{shlex.join(typed)}` did not reach {lacking or 'all'}: {said}.{unusable} sshd of "
        "each client that copies has to let root in from this one, by a key that is made for "
        "the time of a copy; or set copy_way = 'serial'",
    )


def _started(current: MigrationRun, client: Host, typed: list[str]) -> tuple[bool, str, str, str]:
    """What comes of a command line of mpirun: as of `command`, and why there was no key for it."""
    unusable = ""
    try:
        launcher = access.LAUNCHER if access.let_in(current) else ""
    except CopyError as no_key:
        launcher, unusable = "", f" {no_key}."
    answer = current.command(client, _line(typed, launcher), _TRY)
    access.shut(current)
    return (*answer, unusable)


# Where a copy starts it, which is not all of a node (see `enclosure` of the tool).
_SEEN = """\
sh -c 'path=$(command -v "$0") || { echo "it is not there"; exit 1; }
! ldd "$path" 2>/dev/null | grep "not found"' """


def try_dcp(current: MigrationRun) -> Iterator[Finding]:
    """See that dcp and its libraries are there where a copy starts it, on every client."""
    site = current.site
    needs = shlex.join(word for path in site.copy_needs for word in ("--needs", path))
    dcp = shlex.quote(site.dcp)
    there = f"command -v {dcp} >/dev/null || exit 0"  # what is missing altogether has been found
    line = f"{there}; {jobs.PYTHON} {jobs.UNPACKED} enclosed {needs} -- {_SEEN}{dcp}"
    lacking = [
        (host.name, f"{site.dcp} cannot run there: {(output or errors).strip()}. {_NEEDS}")
        for host, (done, output, errors) in copiers.each(
            current, lambda client: current.command(client, line)
        )
        if not done
    ]
    yield from for_each("program-missing", lacking)


_NEEDS = (
    "While it copies it sees of a node only /usr, /opt and the like, since users could lead it "
    "elsewhere: name the folders that it needs besides in copy_needs (group_data/all.py)"
)


def _heard(text: str) -> str:
    """The end of what was said, without what mpirun says of its own insides where others spoke."""
    lines = text.strip().splitlines()
    others = [line for line in lines if not line.startswith("[mpiexec@")]
    return "\n".join(others or lines)[-500:]


def _line(typed: list[str], launcher: str) -> str:
    """The command line of mpirun with a launcher, as the tool starts it; "" for ssh itself."""
    program, *words = typed
    given = parallel.environment(launcher.encode()).items()
    variables = [f"{name.decode()}={value.decode()}" for name, value in given]
    options = map(bytes.decode, parallel.launched(launcher.encode()))
    return " ".join([*variables, shlex.join([program, *options, *words])])
