"""Looks for a copy of a container's tree at the moment at which its storage is wiped.

A lab may mount the site's destination for backups on its servers, for this alone. It is read by
root only, as a backup may be; daos_server is not root, and calls this as a program by sudo: it
prints the folder, or nothing, for the names at the top and the digest on its standard input.
"""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

from . import treedigest, trees

BACKUPS = Path("/run/daos-lab/backup")
PROGRAM = "/usr/libexec/daos-lab/witness"
_LIMIT = 100.0  # seconds


def held(mount: str) -> dict[str, Any]:
    """What an engine that does not run keeps under its scm_mount, for an event.

    `containers` tells of each file tree its pool, files (all that is no folder), bytes and digest;
    `witness` where a copy of it is, None where there is none; `objects` how many copies of objects
    of each container there are beside.
    """
    containers, witness = {}, {}
    with trees.stored(mount) as found:
        for pool, container, tree in found:
            entries = list(treedigest.of_tree(tree))
            records = treedigest.records(entries)
            containers[container] = {"pool": pool, **_amount(entries)}
            containers[container]["digest"] = treedigest.whole(records)
            if BACKUPS.is_dir():
                witness[container] = ask(records)
    objects = {folder.name: len(list(folder.iterdir())) for folder in _object_folders(mount)}
    return {"containers": containers, "witness": witness, "objects": objects}


def _amount(entries: list[treedigest.Entry]) -> dict[str, Any]:
    files = [entry for entry in entries if not stat.S_ISDIR(entry.mode)]
    sizes = {entry.inode: entry.size for entry in files if stat.S_ISREG(entry.mode)}
    return {"files": len(files), "bytes": sum(sizes.values())}


def _object_folders(mount: str) -> list[Path]:
    return sorted((Path(mount) / "pools").glob("*/*"))


def ask(records: treedigest.Records) -> str | None:
    """A folder below the destination that holds just this tree, None where there is none."""
    question = json.dumps({"names": _top(records), "digest": treedigest.whole(records)})
    done = subprocess.run(
        ["sudo", "-n", PROGRAM],
        input=question,
        stdout=subprocess.PIPE,
        text=True,
        timeout=_LIMIT,
        check=False,
    )
    return done.stdout.strip() or None


def main(_argv: list[str]) -> int:
    """Returns 0."""
    asked = json.load(sys.stdin)
    found = search(BACKUPS, {name.encode("latin-1") for name in asked["names"]}, asked["digest"])
    print(found or "")
    return 0


def search(top: Path, names: set[bytes], digest: str) -> Path | None:
    """The first folder at or below `top` with these names in it whose tree has that digest."""
    for folder, folders, files in os.walk(os.fsencode(top)):
        folders.sort()
        if {*folders, *files} == names:
            place = Path(os.fsdecode(folder))
            if treedigest.whole(treedigest.records(treedigest.of_folder(place))) == digest:
                return place
    return None


def _top(records: treedigest.Records) -> list[str]:
    return [path.decode("latin-1") for path in records if b"/" not in path]
