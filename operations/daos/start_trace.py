"""The trace that a start of daos_server leaves while an update is under way (R12).

An engine that has run on the new release must never go back to the old one. Who starts daos_server
by hand, stops it again and reboots the node leaves no sign of that to systemd; so a drop-in has the
unit itself write the installed release to disk before it starts. And after it has ended, if that is
not the release of before any more: its engines may have been started, or started again, at any time
between, as in the middle of a package transaction. That the unit does so is told by the unit as
systemd has it loaded, and by whether its user can write there; never by the file alone.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence

from .units import SERVER
from .window_file import FOLDER, STARTS

# systemd reads drop-ins in the order of their names, and `ExecStartPre=` in one takes back those of
# all before it, as `ExecStopPost=` does: ours comes after a site's override.conf.
_FILE = "zzz-daos-offline-update.conf"

# The first line, so that a trace that was emptied is not taken for one without a start. It takes
# the room on a disk that may be full later, too.
HEADER = "daos_server was started on:"
UNKNOWN = "unknown"

# With "-" the start goes on whatever comes of it, and a database of packages that hangs is not
# waited for. In a unit file %% is a percent sign, and \\ a backslash within quotes. It is dd that
# writes to the disk, since `sync FILE` of CentOS 7 would wait for all file systems.
_RELEASE = (
    r"timeout -s KILL 20 rpm -q --qf '%%{VERSION}-%%{RELEASE}\\n' daos-server"
    f" || echo {UNKNOWN}"
)
_APPEND = f"dd of={STARTS} oflag=append conv=notrunc,fsync status=none"
_WRITERS = ("ExecStartPre", "ExecStopPost")
# Between the two: the release that is installed when this is laid.
_UNIT = (
    f'[Service]\nExecStartPre=-/bin/sh -c "{{ {_RELEASE}; }} | {_APPEND}"\n'
    f"ExecStopPost=-/bin/sh -c \"{{ {_RELEASE}; }} | grep -vxF '",
    f"' | {_APPEND}\"\n",
)
_BEFORE = r"before=$(rpm -q --qf '%{VERSION}-%{RELEASE}\n' daos-server | head -n 1)"


def _folder(unit: str) -> str:
    return f"/etc/systemd/system/{unit}.d"


def drop_in(unit: str = SERVER) -> str:
    """The path of the drop-in by which the unit of daos_server leaves a trace.

    + unit: what the site calls it, here and below
    """
    return f"{_folder(unit)}/{_FILE}"


def laid(*lines: str, anew: bool = False, unit: str = SERVER) -> str:
    """The shell command that has daos_server leave a trace.

    The unit runs as a user of its own, who may write to the trace and to nothing else there.

    + lines: what is written down as a start at once
    + anew: whether a trace that is there is of no account; else what it says stays
    """
    folder, file = shlex.quote(_folder(unit)), shlex.quote(drop_in(unit))
    draft = f"{file}.new"
    kept = "false" if anew else f'[ "$(head -n 1 {STARTS} 2>/dev/null)" = {shlex.quote(HEADER)} ]'
    begun = f"printf '%s\\n' {shlex.quote(HEADER)} > {STARTS}"
    noted = f" && printf '%s\\n' {shlex.join(lines)} >> {STARTS}" if lines else ""
    return (
        f"umask 022 && mkdir -p {FOLDER} {folder} && chmod 755 {FOLDER}"
        f" && {{ {kept} || {begun}; }}{noted}"
        f" && {_owned(unit)} && {_BEFORE}"
        f' && printf %s%s%s {shlex.quote(_UNIT[0])} "$before" {shlex.quote(_UNIT[1])} > {draft}'
        f" && sync {draft} {STARTS}"
        f" && mv {draft} {file} && sync {folder} {FOLDER} && systemctl daemon-reload"
    )


def _owned(unit: str) -> str:
    return (
        f"user=$(systemctl show --property User {shlex.quote(unit)})"
        f' && user=${{user#User=}} && chown "${{user:-root}}" {STARTS} && chmod 644 {STARTS}'
    )


def handed_over(unit: str = SERVER) -> str:
    """The shell command after which the unit's user can write to the trace; in 1.0 it was root."""
    return f"[ ! -e {STARTS} ] || {{ systemctl daemon-reload && {_owned(unit)}; }}"


def lifted(unit: str = SERVER) -> str:
    """The shell command after which a start of daos_server leaves no trace any more.

    A folder that is empty then is removed; a site's own drop-ins stay in it.
    """
    folder, file = shlex.quote(_folder(unit)), shlex.quote(drop_in(unit))
    return f"rm -f {file} && {{ rmdir {folder} 2>/dev/null || true; }} && systemctl daemon-reload"


def read(lines: Sequence[str]) -> tuple[str, ...] | None:
    """What daos_server was started on, as the trace says; None where it is damaged, or is none."""
    return tuple(lines[1:]) if lines[:1] == [HEADER] else None


def leaves(shown: Mapping[str, str], access: str) -> bool:
    """Whether daos_server adds to the trace when it starts and ends, whatever it was before.

    + shown: property of the unit to value, as systemd has it loaded
    + access: owner, his number and the mode of the trace, "daos_server 993 644"; "" where nobody
      can write to it, as on a file system that is read-only
    """
    user, number, mode = (access.split() or ["", "", "0"])[:3]
    runs_as = shown.get("User") or "root"
    may_write = runs_as in ("root", "0") or (
        runs_as in (user, number) and bool(int(mode, 8) & 0o200)
    )
    loaded = all(f"of={STARTS} " in shown.get(writer, "") for writer in _WRITERS)
    return loaded and bool(access) and may_write and not _is_shut_out(shown)


def hindrance(shown: Mapping[str, str], resets: Iterable[str], unit: str = SERVER) -> str:
    """Why no trace can be left there whatever is laid, and what to do; "" where one can.

    + shown: as of `leaves`
    + resets: paths of the drop-ins that take all ExecStartPre= or ExecStopPost= back
    """
    later = [path for path in resets if path.rpartition("/")[2] > _FILE]
    if later:
        return (
            f"{', '.join(later)} takes back every {'= or '.join(_WRITERS)}= that is read before "
            "it: rename it to override.conf (systemd reads them by name), type `systemctl "
            "daemon-reload`, then "
            "the same command again"
        )
    if _is_shut_out(shown):
        return (
            f"the unit of daos_server is kept from {FOLDER} (ProtectSystem=strict, ReadOnlyPaths= "
            f"or the like): type `systemctl edit {unit.removesuffix('.service')}`, add "
            f"ReadWritePaths=-{FOLDER}, then type the same command again"
        )
    return ""


def _is_shut_out(shown: Mapping[str, str]) -> bool:
    """Whether the unit's own sandbox keeps it from the trace."""
    if shown.get("RootDirectory") or shown.get("RootImage"):
        return True
    closed = _covers(shown.get("InaccessiblePaths", ""))
    read_only = shown.get("ProtectSystem") == "strict" or _covers(shown.get("ReadOnlyPaths", ""))
    return closed or (read_only and not _covers(shown.get("ReadWritePaths", "")))


def _covers(paths: str) -> bool:
    return any(
        f"{FOLDER}/".startswith(f"{path.lstrip('-+').rstrip('/')}/") for path in paths.split()
    )
