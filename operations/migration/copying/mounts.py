"""Containers mounted on clients by dfuse while they are read or filled, and seen to be gone after.

dfuse knows no read-only mount up to 2.0, so the kernel makes it one. That of 1.0 has to be told the
ranks of the pool's service, and returns before it has connected and mounted (src/client/dfuse of
v1.0.1): its mount is waited for.
"""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from pyinfra.api import Host

from ...daos.node import Node
from ...machinery import hosts
from ...rules.start import Start
from .. import contents
from ..run import MigrationRun
from .copiers import CopyError

# Nobody but root reaches what is mounted there, which is mounted for all (allow_other).
_PRIVATE = "/run/daos-offline-update"
FOLDER = f"{_PRIVATE}/mnt"
_DEFAULT_SYSTEM = "daos_server"
_PATIENCE = 120  # seconds for dfuse to connect to pool and container
_APPEARS = 60  # seconds for the mount of a dfuse that has gone into the background

# A dfuse that died leaves a mount that answers nothing: it goes first.
_MOUNT = """\
point={point}
if findmnt -n "$point" >/dev/null && ! stat "$point" >/dev/null 2>&1; then umount -l "$point"; fi
umask 077
mkdir -p "$point" && chmod 0700 {private} || exit 1
findmnt -n -t fuse.daos "$point" >/dev/null || {dfuse} --mountpoint="$point" || exit 1
{appear}
{remount}
findmnt -n -o FSTYPE,OPTIONS "$point"
"""
# It ends where it cannot connect, and says so to nobody. That of root alone counts, by its name: to
# read command lines (`pgrep -f`) hangs where a process of anybody's hangs.
_APPEAR = f"""\
for try in $(seq {_APPEARS * 5}); do
    findmnt -n -t fuse.daos "$point" >/dev/null && break
    pgrep -u 0 -x dfuse >/dev/null || break
    sleep 0.2
done
findmnt -n -t fuse.daos "$point" >/dev/null || {{
    echo "its dfuse ended before it had mounted, see the log of DAOS there" >&2; exit 1; }}"""
_READ_ONLY = 'mount -o remount,bind,ro "$point" || { umount "$point"; exit 1; }'
# An interrupted run may have left it read-only.
_WRITABLE = """\
case ,$(findmnt -n -o OPTIONS "$point"), in
*,ro,*) mount -o remount,bind,rw "$point" || exit 1 ;;
esac"""

# What was just read may be held for a moment: it is tried again before it is given up.
_UNMOUNT = """\
point={point}
for try in 1 2 3 4 5; do
    findmnt -n "$point" >/dev/null || break
    fusermount3 -u "$point" 2>/dev/null || umount "$point" && break
    sleep 1
done
! findmnt -n "$point" >/dev/null || exit 1
[ ! -d "$point" ] || rmdir "$point"
"""


def point(container: str) -> str:
    """Where a container is mounted on a client while it is at work."""
    return f"{FOLDER}/{container}"


def as_mounted(point: str, container: str) -> list[str]:
    """The options of the tool for a mount of 1.x: it stays one, and is of this container alone."""
    return ["--mounted", point, "--container", container]


def mount(
    current: MigrationRun, client: Host, pool: str, container: str, read_only: bool = True
) -> str:
    """Mount a container on a client, unless it is mounted there already; returns where.

    + pool, container: UUIDs
    + read_only: whether nothing can be written through the mount

    Raises CopyError.
    """
    where = point(container)
    old = contents.is_1_0(current, client.name)
    words = ["dfuse", f"--pool={pool}", f"--container={container}"]
    if current.migration.system not in ("", _DEFAULT_SYSTEM):
        words.append(f"--sys-name={current.migration.system}")
    if old:  # with colons between the ranks
        words.append(f"--svc={':'.join(map(str, current.migration.pool(pool).service))}")
    line = _MOUNT.format(
        point=shlex.quote(where),
        private=_PRIVATE,
        dfuse=shlex.join(words),
        appear=_APPEAR if old else "",
        remount=_READ_ONLY if read_only else _WRITABLE,
    )
    done, output, errors = current.command(client, line, _PATIENCE)
    kind, _, options = output.strip().partition(" ")
    if not done or kind != "fuse.daos":
        said = (errors or output).strip() or "no answer"
        raise CopyError(
            f"container {container} of pool {pool} could not be mounted on {client.name}: {said}. "
            f"Try it there: `{shlex.join([*words, f'--mountpoint={where}'])}`"
        )
    if read_only and "ro" not in options.strip().split(","):
        unmount(current, client, container)
        raise CopyError(f"{where} on {client.name} could not be made read-only: {options.strip()}")
    return where


def unmount(current: MigrationRun, client: Host, container: str) -> None:
    """Unmount a container on a client, and see that it is gone. Raises CopyError."""
    where = point(container)
    line = _UNMOUNT.format(point=shlex.quote(where))
    done, output, errors = current.command(client, line, _PATIENCE)
    if not done:
        raise CopyError(
            f"{where} on {client.name} could not be unmounted: {(errors or output).strip()}. See "
            f"`fuser -vm {where}` there, then `fusermount3 -u {where}`"
        )


def leftovers(node: Node) -> list[str]:
    """Where an interrupted run has left a container mounted on a client."""
    return [mount for mount in node.mounts if mount.startswith(f"{FOLDER}/")]


def without_leftovers(start: Start) -> Start:
    """The cluster as it will be once the leftovers of an interrupted run are gone."""
    nodes = {name: node and _tidy(node) for name, node in start.nodes.items()}
    return replace(start, nodes=nodes)


def _tidy(node: Node) -> Node:
    left = leftovers(node)
    return replace(
        node,
        mounts=tuple(mount for mount in node.mounts if mount not in left),
        dfuses=tuple(p for p in node.dfuses if f"{FOLDER}/" not in p.command),
    )


@contextmanager
def mounted(
    current: MigrationRun,
    clients: Sequence[Host],
    pool: str,
    container: str,
    read_only: bool = True,
) -> Iterator[str]:
    """Have a container mounted on these clients, and unmounted afterwards, also after a failure.

    A run that is ended (Ctrl-C) leaves it mounted: the job goes on reading it, and the next run
    finds both. Raises CopyError.
    """
    try:
        hosts.at_once(clients, lambda client: mount(current, client, pool, container, read_only))
        yield point(container)
    except Exception:
        for client in clients:
            with suppress(CopyError):  # the failure itself says more
                unmount(current, client, container)
        raise
    hosts.at_once(clients, lambda client: unmount(current, client, container))
