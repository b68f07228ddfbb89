"""The trace that a start of daos_server leaves while an update is under way (R12).

An engine that has run on the new release must never go back to the old one. Who starts daos_server
by hand, stops it again and reboots the node leaves no sign of that to systemd; so a drop-in has the
unit itself write the installed release to disk before it starts.
"""

import shlex

from .node import DROP_IN, SERVER
from .window_file import FOLDER, STARTS

_DIRECTORY = DROP_IN.rpartition("/")[0]

# With "-" the start goes on whatever comes of it, and a database of packages that hangs is not
# waited for. In a unit file %% is a percent sign, and \\ a backslash within quotes. It is dd that
# writes to the disk, since `sync FILE` of CentOS 7 would wait for all file systems.
_RELEASE = (
    r"timeout -s KILL 20 rpm -q --qf '%%{VERSION}-%%{RELEASE}\\n' daos-server || echo unknown"
)
_APPEND = f"dd of={STARTS} oflag=append conv=notrunc,fsync status=none"
_UNIT = f'[Service]\nExecStartPre=-/bin/sh -c "{{ {_RELEASE}; }} | {_APPEND}"\n'


def laid() -> str:
    """The shell command that has daos_server leave a trace; what it left already stays.

    The unit runs as a user of its own, who may write to the trace and to nothing else there.
    """
    draft = f"{DROP_IN}.new"
    return (
        f"umask 022 && mkdir -p {FOLDER} {_DIRECTORY} && chmod 755 {FOLDER} && touch {STARTS}"
        f" && user=$(systemctl show --property User {SERVER})"
        f' && user=${{user#User=}} && chown "${{user:-root}}" {STARTS} && chmod 644 {STARTS}'
        f" && printf %s {shlex.quote(_UNIT)} > {draft} && sync {draft} {STARTS}"
        f" && mv {draft} {DROP_IN} && sync {_DIRECTORY} {FOLDER} && systemctl daemon-reload"
    )


def lifted() -> str:
    """The shell command after which a start of daos_server leaves no trace any more.

    A folder that is empty then is removed; a site's own drop-ins stay in it.
    """
    return (
        f"rm -f {DROP_IN} && {{ rmdir {_DIRECTORY} 2>/dev/null || true; }}"
        " && systemctl daemon-reload"
    )
