"""The destination of the backup: outside DAOS, shared by the clients that copy, keeping all."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyinfra.api import Host

from ...machinery import hosts
from ...rules.findings import Finding, about, for_each
from ..record import memory
from ..run import MigrationRun
from . import copiers
from .jobs import PYTHON

_PROBE = (Path(__file__).parent / "probe.py").read_text()

# Written there by the check, and looked for by all stages after it: a destination that is mounted
# no more is an empty folder of the client's own disk.
MARK = ".daos-offline-update"

_ELSE = ", or set backup_path to a folder that is root's, as are all above it"
_LOOK = """\
export LC_ALL=C
path=$(realpath -e {path} 2>/dev/null) && [ -d "$path" ] || {{ echo missing; exit 0; }}
echo found
findmnt -n -r -o FSTYPE,SOURCE,TARGET -T "$path" | tail -n 1
df -P -k "$path" | awk 'NR==2 {{print $4}}'
df -P -i "$path" | awk 'NR==2 {{print $4}}'
[ "$path" = {path} ] || echo "link $path"
for place in {pools}; do
    place=$path/$place
    [ ! -e "$place" ] && [ ! -h "$place" ] || stat -c '%u %a %F:%n' "$place"
done
while stat -c '%u %a %F:%n' "$path" && [ "$path" != / ]; do
    path=${{path%/*}}
    path=${{path:-/}}
done
true
"""


@dataclass(frozen=True)
class Place:
    """What a client has at the destination.

    + kind: the type of its file system, as the kernel names it
    + source, mount: what is mounted, and where
    + free: bytes that are free
    + inodes: files that can still be made; None where the file system has no such limit
    + open_to: why others than root could read or change what is kept there, and what to do; "" for
      a safe one
    """

    kind: str
    source: str
    mount: str
    free: int
    inodes: int | None
    open_to: str = ""

    @property
    def is_daos(self) -> bool:
        """Whether it is DAOS itself, that is to be reformatted."""
        fuse = self.kind == "fuse" or self.kind.startswith("fuse.")
        return fuse and (self.kind == "fuse.daos" or "dfuse" in self.source)


def look(current: MigrationRun, client: Host) -> Place | ValueError | None:
    """What a client has at the destination, or why it does not tell; None: no such folder."""
    path = shlex.quote(current.site.backup_path)
    pools = shlex.join(pool.uuid for pool in current.migration.pools)
    line = _LOOK.format(path=path, pools=pools)
    done, output, errors = current.command(client, line)
    try:
        return parse(output if done else errors)
    except ValueError as problem:
        return problem


def parse(output: str) -> Place | None:
    """Read the answer of a client. Raises ValueError where it is not understood."""
    lines = output.splitlines()
    if lines == ["missing"]:
        return None
    try:
        kind, source, mount = lines[1].split(" ", 2)
        inodes = int(lines[3]) if lines[3].isdigit() else None
        # Where there is no limit (btrfs, many network file systems) none is told, or 0.
        free = int(lines[2]) * 1024
        return Place(kind, source, mount, free, inodes or None, _open_to(lines[4:]))
    except (IndexError, ValueError) as problem:
        raise ValueError(f"the answer is not understood: {output.strip()!r}") from problem


def _open_to(lines: list[str]) -> str:
    """What is wrong with the destination, a folder of it, or one above it.

    Whoever owns one of them, or can write there, could have a backup replaced by something else,
    or by a link, at any moment. Raises ValueError.
    """
    for line in filter(None, lines):
        if line.startswith("link "):
            return f"by a link it leads to {line[5:]}: set backup_path to that"
        said, _, path = line.partition(":")
        owner, mode, kind = said.split(" ", 2)
        if kind != "directory":
            return f"{path} is a {kind}: move it away"
        if owner != "0":
            return f"{path} belongs to user {owner}: `chown root {path}`, once you know what it is"
        if int(mode, 8) & 0o022:
            return f"others can write in {path} (mode {mode}): `chmod go-w {path}`"
    return ""


def findings(current: MigrationRun) -> Iterator[Finding]:
    """What is wrong with the destination on the clients that copy, by looking alone.

    After the check it also has to be the one that was found then.
    """
    path = current.site.backup_path
    missing, daos, unsafe = [], [], []
    for host, place in copiers.each(current, lambda client: look(current, client)):
        if isinstance(place, ValueError):
            yield Finding("no-destination", (host.name,), f"{path}: {place}")
        elif place is None:
            missing.append(host.name)
        elif place.is_daos:
            daos.append(host.name)
        elif place.open_to:
            unsafe.append((host.name, f"{path} is not root's alone: {place.open_to}{_ELSE}"))
    yield from about(
        "no-destination",
        missing,
        f"there is no folder {path}: mount the shared file system for the backup there, set "
        "backup_path, or name the clients that shall copy in copy_clients (group_data/all.py)",
    )
    yield from about(
        "destination-is-daos",
        daos,
        f"{path} lies on a dfuse mount, and what is in DAOS is lost when its storage is "
        "reformatted: set backup_path to a shared file system outside DAOS",
    )
    yield from for_each("unsafe-destination", unsafe)
    if current.stage != "check" and not missing and not daos:
        yield from _marked(current)


def _marked(current: MigrationRun) -> Iterator[Finding]:
    """Whether the destination is the one that the check found, on every client that copies."""
    token = current.migration.token
    if token:
        yield from about(
            "other-destination",
            _blind(current, copiers.hosts(current)),
            f"{current.site.backup_path} is not what stage=check found there: mount it again, or "
            "set backup_path to where it is now; what tells it is the file "
            f"{_mark(current)} with {token} in it",
        )


def _mark(current: MigrationRun) -> str:
    return f"{current.site.backup_path}/{MARK}"


def _blind(current: MigrationRun, clients: list[Host]) -> list[str]:
    """The hosts that do not see what the check wrote into the destination."""
    token = current.migration.token
    line = f'[ "$(cat {shlex.quote(_mark(current))} 2>/dev/null)" = {token} ]'
    seen = hosts.at_once(clients, lambda host: current.command(host, line)[0])
    return [host.name for host, sees in seen.items() if not sees]


def attempts(current: MigrationRun) -> Iterator[Finding]:
    """What is wrong with the destination, by writing a scratch file on every client that copies."""
    path = current.site.backup_path
    loses = []
    for host, answer in copiers.each(current, lambda client: _probe(current, client)):
        if "error" in answer:
            message = f"root cannot write in {path}: {answer['error']}"
            yield Finding("destination-not-writable", (host.name,), message)
        elif answer["lost"]:
            what = f"does not keep {', '.join(answer['lost'])}: choose another backup_path"
            loses.append((host.name, f"the file system of {path} {what}"))
    yield from for_each("destination-loses", loses)
    yield from _shared(current)


def _probe(current: MigrationRun, host: Host) -> dict[str, Any]:
    script, path = shlex.quote(_PROBE), shlex.quote(current.site.backup_path)
    _, output, errors = current.command(host, f"{PYTHON} -c {script} {path}")
    try:
        answer: dict[str, Any] = json.loads(output)
    except ValueError:
        return {"error": (errors or output).strip()[-300:] or "no answer"}
    return answer


def _shared(current: MigrationRun) -> Iterator[Finding]:
    """What one client writes is seen by all others, now and in the stages that follow."""
    writer, *others = copiers.hosts(current)
    problem = memory.put(current, writer, _mark(current), f"{current.migration.token}\n".encode())
    if problem:
        return  # that it cannot write has been found
    yield from about(
        "destination-not-shared",
        _blind(current, others),
        f"what {writer.name} writes to {current.site.backup_path} is not seen there: all clients "
        "that copy have to mount the same file system, or name those that do in copy_clients",
    )


def room(current: MigrationRun, needed: int, files: int) -> Iterator[Finding]:
    """Whether there is space for what is to be copied.

    + needed: bytes
    + files: how many files, folders and links
    """
    client = copiers.first(current)
    place = look(current, client)
    if not isinstance(place, Place):
        return  # has been found before
    where = f"{current.site.backup_path} ({place.source}, mounted at {place.mount})"
    wrong = []
    if place.free < needed:
        wrong.append(
            f"{where} has {gib(place.free)} free, and {gib(needed)} are to be copied: make room, "
            "or choose another backup_path"
        )
    if place.inodes is not None and place.inodes < files:
        wrong.append(
            f"{where} has room for {place.inodes:,} more files, and {files:,} are to be copied"
        )
    for message in wrong:
        yield Finding("destination-too-small", (client.name,), message)


def gib(size: float) -> str:
    """A size in words."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return ""


def full(current: MigrationRun, client: Host, needed: int) -> str:
    """What to say where the destination became full."""
    place = look(current, client)
    if not isinstance(place, Place):
        return ""
    return (
        f"{current.site.backup_path} on {client.name} is full: {place.source}, mounted at "
        f"{place.mount}, has {gib(place.free)} free, and {gib(needed)} are still to be copied. "
        "What was copied stays: make room there, then type the same command again"
    )
