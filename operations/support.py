"""All that somebody needs who helps from afar, in one archive: `make support`."""

import os
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # Before all that opens connections, and in a process of its own: it replaces what waits.
    import pyinfra_cli  # noqa: F401

from .daos.node_sets import fold
from .daos.package_managers import LOG
from .daos.shown import visible
from .machinery import typed_before
from .machinery.typed_before import Connected
from .reporting import folder
from .rules import secrets

_OF_A_RUN = ("report.json", "report.html", "run.log", "migration.json", "events.jsonl")
_MOST = 4 << 20  # bytes of each file: its end is what counts


def main() -> int:
    """Pack it, and say what was packed; the exit code is 1 where there is nothing to pack."""
    runs = list(_runs())
    if not runs:
        print("no run of this folder has a report yet: there is nothing to pack")
        return 1
    run = runs[0]
    report = folder.read(run)
    try:
        nodes, files = typed_before.connect(report.get("arguments") or (), _failed(report))
        problem = ""
    except Exception as wrong:  # whatever is wrong with it, the rest is worth having
        nodes, files, problem = Connected(), _shipped(), f"{type(wrong).__name__}: {wrong}"
    packed = {**_of_runs(runs), **dict(_of_the_site(files)), **_of_nodes(nodes)}
    packed["about.txt"] = _about(report)
    archive = run / f"support-{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}.tar.gz"
    _pack(archive, packed)
    for line in _told(archive, packed, nodes, problem):
        print(visible(secrets.masked(line)))
    return 0


def _runs() -> Iterator[Path]:
    """The run that is on, or has acted last; then the later ones, and the earlier of its update."""
    everything = {path.name: path for path in folder.all_runs() if folder.read(path)}
    with suppress(OSError):
        latest = folder.LATEST.readlink().name
        if latest in everything:
            newer = [name for name in everything if name > latest]
            earlier = folder.read(everything[latest]).get("earlier_runs") or ()
            names = [latest, *newer, *(run["run"] for run in earlier)]
            yield from (everything[name] for name in names if name in everything)
            return
    yield from list(everything.values())[:1]


def _failed(report: Mapping[str, Any]) -> list[str]:
    """The nodes that something went wrong on."""
    found = {
        name
        for key in ("failures", "refusals")
        for finding in report.get(key) or ()
        for name in finding["hosts"]
    }
    found.update(name for phase in report.get("phases") or () for name in phase["failed"] or ())
    return sorted(found & set(report.get("hosts") or found))


def _of_runs(runs: Iterable[Path]) -> dict[str, bytes]:
    files = (run / name for run in runs for name in _OF_A_RUN)
    return {f"runs/{path.parent.name}/{path.name}": read for path in files if (read := _read(path))}


def _shipped() -> list[Path]:
    return [Path("inventory"), *sorted(Path("group_data").glob("*.py"))]


def _of_the_site(files: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """The inventory and the settings."""
    for path in files:
        if read := _read(path):
            yield f"site/{'/'.join(part for part in path.parts if part not in ('/', '..'))}", read


def _of_nodes(nodes: Connected) -> dict[str, bytes]:
    """What the last package transaction of each failed node has said."""
    said = nodes.ask(f"tail -c {_MOST} {LOG}")
    return {f"nodes/{name}.log": text.encode() for name, text in said.items() if text}


def _about(report: Mapping[str, Any]) -> bytes:
    """By what it was made."""
    lines = [f"python {sys.version.split()[0]}, {' '.join(os.uname())}"]
    with suppress(OSError):
        head = Path(".git/HEAD").read_text().strip()
        commit = Path(".git") / head.removeprefix("ref: ")
        lines.append(f"tool {commit.read_text().strip() if commit.is_file() else head}")
    lines.append(f"command: {report.get('command')}")
    return "\n".join([*lines, ""]).encode()


def _read(path: Path) -> bytes:
    """The end of a file; nothing where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _MOST))
            return file.read()
    except OSError:
        return b""


def _pack(archive: Path, packed: Mapping[str, bytes]) -> None:
    """For its owner alone: it names nodes, users and their jobs."""
    descriptor = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in sorted(packed.items()):
            text = secrets.of_text(content.decode(errors="surrogateescape"))
            clean = text.encode(errors="surrogateescape")
            entry = tarfile.TarInfo(f"{archive.name.removesuffix('.tar.gz')}/{name}")
            entry.size, entry.mode = len(clean), 0o600
            entry.mtime = int(datetime.now(UTC).timestamp())
            tar.addfile(entry, BytesIO(clean))


def _told(
    archive: Path, packed: Mapping[str, bytes], nodes: Connected, problem: str
) -> Iterator[str]:
    """What was packed, and what was not."""
    for name, content in sorted(packed.items()):
        yield f"{len(content):>9,} bytes  {name}"
    if problem:
        yield f"no node could be asked for {LOG}: {problem}"
    if nodes.away:
        yield f"could not be reached for {LOG}: {fold(nodes.away)}"
    without = [name for name in nodes.names if f"nodes/{name}.log" not in packed]
    if silent := sorted(set(without) - set(nodes.away)):
        yield f"no package transaction has written {LOG} yet on {fold(silent)}"
    yield f"packed into {archive}, without passwords"
    yield "read it before you send it: it names nodes, users and jobs"


if __name__ == "__main__":
    sys.exit(main())
