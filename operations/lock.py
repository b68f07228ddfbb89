"""One run at a time: a lock on a server that ends with the connection of the run that holds it."""

import getpass
import os
import shlex
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import gevent
from pyinfra.api import Host

from .daos.node import Node
from .machinery import hosts
from .machinery.run import Run
from .machinery.step import Command, step, verify
from .rules.findings import Finding, for_each
from .rules.view import View

LOCK = "/run/daos-offline-update.lock"

# Nobody but root can open it, so nobody else can hold it. An older version of this tool has left it
# for all to open: who did so then holds another file by now, unless some process of root's has it
# open, as a run of that version has.
#
# As soon as the connection is gone, however it went, `echo` fails and the lock is free.
_HOLD = f"""\
umask 077
case $(stat -c '%u %a' {LOCK} 2>/dev/null) in
    ''|'0 600') ;;
    *)
        chmod 600 {LOCK} && chown 0 {LOCK} || exit 1
        flock -n {LOCK} true || [ "$(find /proc/[0-9]*/fd -lname {LOCK} -user 0 2>/dev/null)" ] ||
            rm -f {LOCK}
esac
exec flock -w 3 {LOCK} sh -c \
    'printf "%s\\n" "$0" "process $$" > {LOCK} && while echo; do sleep 0.5; done' {{who}}"""
_LINGERS = 3  # seconds that the lock of a run which has just ended may last
_FOR_EVER = 30 * 24 * 3600  # seconds


def who() -> str:
    """Who runs this, for the one who is kept away by it."""
    return (
        f"{getpass.getuser()} on {socket.gethostname()} (process {os.getpid()}) "
        f"since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    )


def others(current: Run) -> list[Finding]:
    """Another run that is going on right now, not one that is just ending."""
    findings = _locks(current.start)
    deadline = time.monotonic() + _LINGERS
    while findings and time.monotonic() < deadline:
        time.sleep(0.5)
        findings = _locks(current.read())
    return findings


def _locks(view: View) -> list[Finding]:
    told = ((name, _message(who, view.node(name))) for name, who in holders(view).items())
    return for_each("another-run", told)


def holders(view: View, me: str = "") -> dict[str, str]:
    """The servers that another run has locked, each with who that is.

    + me: who is no other
    """
    locks = {name: node.lock for name, node in view.of("servers").items()}
    return {name: who for name, who in locks.items() if who not in ("", me)}


def _message(holder: str, node: Node) -> str:
    end = f"`sudo kill {node.locker}`" if node.locker else f"`sudo fuser -k {LOCK}`"
    return (
        f"this system is being updated by {holder}: wait for the end of that run. If it is gone "
        f"and its connection hangs, {end} there ends it"
    )


def _unlocked(current: Run, name: str, node: Node) -> bool:
    busy = current.procedure.always_acts or not current.start.idle
    return busy and name == keeper(current.start)


def keeper(view: View) -> str:
    """The server that keeps the lock, by its name in this inventory.

    All runs ask the same one, so the second finds the lock of the first. What a server is called
    in an inventory is no sign of it, since another inventory may have an alias: its own name is.
    """
    servers = view.of("servers")
    return min(servers, key=lambda name: (servers[name].hostname, name), default="")


@step("servers", need=_unlocked, prepares=True, looks=True, reads=False)
def locked(current: Run, here: Host) -> Iterator[Command]:
    """Keep other runs away from here on, until this run ends in whatever way.

    The lock is an flock(1) that lives in an SSH session of this run, so that nobody has to remove
    it after a crash, and a reboot of the server frees it. Once it is held, all nodes are looked at
    again: a run whose inventory has other servers may hold a lock of its own, and one that has
    ended meanwhile may have done what this one has planned.
    """
    if current.alone():
        return
    yield verify(current, lambda: _take(current, here), code="another-run")
    yield verify(current, lambda: _planned_otherwise(current), code="plan-changed")


def _take(current: Run, here: Host) -> str | None:
    me = who()
    line = _HOLD.format(who=shlex.quote(me))
    holder = gevent.spawn(hosts.command, current.state, here, line, _FOR_EVER)
    current.wait("service", lambda: (holder.ready() or _held_by(current, here) == me, ""))
    current.forgets()  # what was seen until now was seen without the lock
    view = current.look()
    others = holders(view, me)
    if holders(view).get(here.name) == me and not others:
        current.alone = lambda: not holder.ready()
        return None
    said = holder.value[2].strip() if holder.ready() else ""
    holder.kill()
    for name, other in others.items():
        return f"{name}: {_message(other, current.look().node(name))}"
    why = f" ({said})" if said else ""
    return f"the lock {LOCK} could not be taken{why}: see `ls -l {LOCK}` and `df /run` there"


def _planned_otherwise(current: Run) -> str | None:
    changed = current.begins_anew(current.look())
    if not changed:
        return None
    return (
        f"{changed} since the plan was made, perhaps by another run: type the same command again, "
        "which plans anew"
    )


def _held_by(current: Run, here: Host) -> str:
    node = current.node(here)
    return node.lock if node else ""
