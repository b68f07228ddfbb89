"""The configuration on the nodes: read, and converted to what 2.0 reads; the old files stay."""

import base64
import binascii
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from pyinfra.api import Host

from ..daos import configuration
from ..daos.configuration import AGENT, CONTROL, FOLDER, KEPT, SERVER, SHARED, Unconvertible
from ..daos.dmg import answers
from ..daos.node import Node
from ..daos.node_sets import fold
from ..machinery import hosts
from ..machinery.run import Run, say
from ..machinery.step import attempt
from ..rules import gates
from ..rules.findings import Finding, for_each, grouped
from ..rules.view import ROLES, View
from .run import MigrationRun

_FILES = (SERVER, AGENT, CONTROL)
# A package that has a file no more leaves what the site wrote there under another name, and one
# that brings a file brings its own words: those are nobody's, and are passed over.
_READ = f"""\
cd {FOLDER} 2>/dev/null || exit 0
for file in {" ".join(_FILES)} {SHARED}; do
    from="$file"
    if [ "$file" = {SHARED} ] && [ -f {SHARED}.rpmsave ]; then from={SHARED}.rpmsave; fi
    [ -f "$from" ] || continue
    if [ "$file" = {CONTROL} ] && rpm -qf "$PWD/$file" >/dev/null 2>&1 &&
        ! rpm -Vf "$PWD/$file" | grep -q "$PWD/$file"; then continue; fi
    echo "== $file"; base64 "$from" || exit 1
done"""


class Unreadable(Exception):
    """The configuration of a node could not be read; the message says why."""


@dataclass(frozen=True)
class Change:
    """A file that is to be converted.

    + name: which one
    + after: what will stand in it
    + difference: what changes, as `diff -u` shows it
    + source: the file that it is made of, which may have another name
    """

    name: str
    after: str
    difference: str
    source: str


def learn(current: MigrationRun) -> None:
    """Read which files will be converted, and where; and which cannot be read or converted.

    Nothing is written: what stands in the way is known before anything is stopped.
    """
    asked = [current.host(name) for name in current.start.of()]
    found = hosts.at_once(asked, lambda host: _due(current, host)).items()
    changes = grouped((host.name, (c.name, c.difference)) for host, (due, _) in found for c in due)
    current.configuration = [
        {"path": f"{FOLDER}/{name}", "hosts": sorted(on), "diff": difference}
        for (name, difference), on in changes.items()
    ]
    problems = ((host.name, problem) for host, (_, wrong) in found for problem in wrong)
    current.unconvertible = for_each("configuration", problems)


def show(current: MigrationRun) -> None:
    """Show what is converted, each difference once with the nodes that have it."""
    for change in current.configuration:
        say(f"{change['path']} on {fold(change['hosts'])}:")
        for line in change["diff"].splitlines():
            say(f"    {line}")


def _due(current: Run, host: Host) -> tuple[list[Change], list[str]]:
    """What is to be converted on a node, and what cannot be read or converted."""
    try:
        files = read(current, host)
    except Unreadable as problem:
        return [], [str(problem)]
    servers = _known_to_dmg(current, host.name)
    due, wrong = [], list(_elsewhere(current, host))
    for name in _FILES:
        of_1_0 = name == CONTROL and servers is not None and name not in files and SHARED in files
        source = SHARED if of_1_0 else name
        before = files.get(source, "")
        try:
            # Where daos.yml sets nothing, the package's own file says the same.
            if of_1_0:
                after = configuration.control_of_1_0(before, servers or [])
            else:
                after = configuration.convert(name, before)
        except Unconvertible as problem:
            wrong.append(f"{FOLDER}/{source} cannot be converted to what DAOS 2.0 reads: {problem}")
            continue
        if after and after != before:
            due.append(Change(name, after, configuration.diff(name, before, after, source), source))
    return due, wrong


def _elsewhere(current: Run, host: Host) -> Iterator[str]:
    """What a daemon of this node reads in place of the file that is converted."""
    node = current.seen.nodes.get(host.name)
    for name in (SERVER, AGENT):
        unit, usual = name.replace(".yml", ".service"), f"{FOLDER}/{name}"
        service = node and node.services.get(unit)
        if name == SERVER and host.name not in current.start.groups["servers"]:
            continue
        try:
            path = configuration.read_by(service.command if service else (), name)
        except Unconvertible as problem:
            yield f"{problem}: have {unit} read {usual} (`systemctl edit {unit}`)"
            continue
        line = f'[ "$(readlink -f {shlex.quote(path)})" = {usual} ]'
        if path != usual and not current.command(host, line)[0]:
            yield (
                f"{unit} reads {path} (`systemctl cat {unit}`), and {usual} is what is converted: "
                f"move it there, `mv {path} {usual} && ln -s {usual} {path}`, then type the same "
                "command again"
            )


def _known_to_dmg(current: Run, name: str) -> list[str] | None:
    """The hosts of all servers, for a node on which dmg is used; None for the others."""
    if name not in current.start.groups["admins"]:
        return None
    return [node.hostname for node in current.start.of("servers").values()]


def read(current: Run, host: Host) -> dict[str, str]:
    """The configuration files of a node, name to text. Raises Unreadable."""
    done, output, errors = current.command(host, _READ)
    if not done:
        raise Unreadable(f"{FOLDER} cannot be read: {errors.strip() or 'no answer'}")
    files = {}
    for name, content in answers(output).items():
        try:
            # Some editors begin a file with a byte order mark.
            files[name] = base64.b64decode(content).decode("utf-8-sig")
        except (binascii.Error, UnicodeDecodeError) as problem:
            raise Unreadable(f"{FOLDER}/{name} is no text: {problem}") from problem
    return files


def _to_convert(current: MigrationRun, name: str, node: Node) -> bool:
    return any(_due(current, current.host(name)))


def _will_convert(current: MigrationRun, name: str, node: Node) -> bool:
    return any(name in change["hosts"] for change in current.configuration)


def _may_convert(current: Run, view: View) -> list[Finding]:
    return gates.held(view) + gates.quiet(view)


@attempt(*ROLES, need=_to_convert, foreseen=_will_convert, gate=_may_convert)
def configured(current: MigrationRun, here: Host) -> str | None:
    """Convert what 2.0 reads otherwise; the file as it was stays beside it, ending in .1.x-backup.

    Source: the configuration structures of DAOS v1.0.1, v1.2.0 and v2.0.2.
    """
    changes, problems = _due(current, here)
    problems += filter(None, (current.shell(here, _write(change)) for change in changes))
    return "; ".join(problems) or None


def _write(change: Change) -> str:
    """The shell command that replaces a file, such that it is whole at any moment."""
    name, draft = change.name, f"{change.name}.new"
    source, kept = change.source, f"{change.source}{KEPT}"
    renamed = source != name
    # What dmg read in 1.0 is found under its own name, or as the package's update has left it.
    found = f"$(ls -d {source}.rpmsave {source} 2>/dev/null | tail -n 1)" if renamed else name
    keep = f"{{ test -e {kept} || cp -a {found} {kept}; }}"
    return (
        f"cd {FOLDER} && {keep} && cp -a {kept if renamed else name} {draft}"
        f" && printf %s {shlex.quote(change.after)} > {draft} && sync {draft} {kept}"
        f" && mv {draft} {name} && sync ."
    )


def _to_return(current: Run, name: str, node: Node) -> bool:
    """Only from 2.x to 1.x, where a file was converted on the way."""
    if current.target.major > 1:
        return False
    kept = [f"{name}{KEPT}" for name in (*_FILES, SHARED)] + [f"{SHARED}.rpmsave"]
    line = f"cd {FOLDER} && ls {' '.join(kept)} 2>/dev/null"
    host = current.host(name)
    _, output, _ = current.command(host, line)
    return bool(output.strip())


@attempt(*ROLES, need=_to_return, gate=_may_convert)
def returned(current: Run, here: Host) -> str | None:
    """Give the files of 1.x back, which were converted when 2.x was installed."""
    moves = [(f"{name}{KEPT}", name) for name in (*_FILES, SHARED)]
    moves.insert(0, (f"{SHARED}.rpmsave", SHARED))
    each = (f"{{ [ ! -e {kept} ] || mv {kept} {name}; }}" for kept, name in moves)
    line = f"cd {FOLDER} && {' && '.join(each)} && sync ."
    return current.shell(here, line)
