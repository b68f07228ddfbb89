"""What a simulated node does at the commands about its files and its units."""

import json
import re

from testbed.sim.common.faults import FILE

from . import systemd
from .files import Full
from .node import AGENT, Lock, Node, Process
from .shell import QUOTED, Session, phrase, unquoted

_PATH = r"([\w@%+=:,./-]+)"
_PATHS = rf"({_PATH[1:-1]}(?: {_PATH[1:-1]})*)"
_UNITS = "/etc/systemd/system"
_LOCK = "/run/daos-offline-update.lock"


def _written(session: Session, path: str, text: str, append: bool = False) -> int:
    files = session.node.files
    try:
        (files.append if append else files.write)(path, text)
    except Full:
        session.err.append("sh: 1: printf: printf: I/O error\n")
        return 1
    return 0


# Files


@phrase("umask ", r"0\d\d")
@phrase("mkdir -p ", rf"{_PATHS}")
@phrase("export LC_ALL=C", "")
@phrase("true", "")
def _nothing(session: Session, *_: str) -> None:
    """Folders come and go with their files."""


@phrase("rm -f ", rf"{_PATHS}")
def _remove(session: Session, paths: str) -> None:
    for path in paths.split():
        session.node.files.remove(path)


@phrase("(umask 077 && printf ", rf"(%s|'%s\\n') {QUOTED} > {_PATH}\)")
def _write_private(session: Session, form: str, text: str, path: str) -> int:
    return _written(session, path, unquoted(text) + ("\n" if "n" in form else ""))


@phrase("printf ", rf"(%s|'%s\\n') {QUOTED} (>>?) {_PATH}")
def _write(session: Session, form: str, text: str, how: str, path: str) -> int:
    return _written(session, path, unquoted(text) + ("\n" if "n" in form else ""), how == ">>")


@phrase("printf %s%s%s ", rf'{QUOTED} "\$before" {QUOTED} > {_PATH}')
def _write_drop_in(session: Session, head: str, tail: str, path: str) -> int:
    text = unquoted(head) + session.variables["before"] + unquoted(tail)
    return _written(session, path, text)


@phrase("{ false || ", rf"printf '%s\\n' {QUOTED} > {_PATH}; }}")
def _begin_file(session: Session, text: str, path: str) -> int:
    return _written(session, path, f"{unquoted(text)}\n")


@phrase(
    '{ [ "$(head -n 1 ',
    rf'{_PATH} 2>/dev/null\)" = {QUOTED} \] \|\| printf \'%s\\n\' {QUOTED} > {_PATH}; }}',
)
def _keep_or_begin(session: Session, path: str, first: str, text: str, into: str) -> int:
    if session.node.files.read(path).split("\n")[0] == unquoted(first):
        return 0
    return _written(session, into, f"{unquoted(text)}\n")


@phrase("sync ", rf"{_PATHS}")
def _sync(session: Session, paths: str) -> None:
    for path in paths.split():
        session.node.files.sync(path)


@phrase("mv ", rf"{_PATH} {_PATH}")
def _move(session: Session, old: str, new: str) -> int:
    if old not in session.node.files:
        session.err.append(f"mv: cannot stat '{old}': No such file or directory\n")
        return 1
    session.node.files.move(old, new)
    return 0


@phrase("chmod ", rf"(\d+) {_PATH}")
def _mode(session: Session, mode: str, path: str) -> None:
    if path in session.node.files:  # else it is a folder
        session.node.files.change(path, mode=int(mode, 8))


@phrase('chown "${user:-root}" ', rf"{_PATH}")
def _owner(session: Session, path: str) -> None:
    session.node.files.change(path, owner=session.variables["user"] or "root")


@phrase("{ rmdir ", rf"{_PATH} 2>/dev/null \|\| true; }}")
def _remove_folder(session: Session, path: str) -> None:
    """A folder goes with its last file."""


@phrase("cat ", rf"{_PATH}")
def _cat(session: Session, path: str) -> int:
    if path not in session.node.files:
        session.err.append(f"cat: {path}: No such file or directory\n")
        return 1
    session.out.append(session.node.files.read(path))
    return 0


@phrase(
    "file=",
    rf"{_PATH}; \[ ! -f \$file \] \|\| sed -i 's/\^enabled=1\$/enabled=0/' \$file",
)
def _disable_repository(session: Session, path: str) -> int:
    files = session.node.files
    if path not in files:
        return 0
    text = re.sub("^enabled=1$", "enabled=0", files.read(path), flags=re.MULTILINE)
    return _written(session, path, text)


@phrase("echo ", rf"{QUOTED} > {re.escape(FILE)}")
def _tell_faults(session: Session, text: str) -> int:
    json.loads(unquoted(text))
    return _written(session, FILE, unquoted(text))


# Units


@phrase("systemctl daemon-reload", "")
def _reload(session: Session) -> None:
    """Unit files are read anew at every call, as on the lab's nodes."""


def _unit(session: Session, name: str) -> systemd.Unit | None:
    unit = session.node.units.get(name if "." in name else f"{name}.service")
    return unit if unit and (unit.installed or unit.main_pid) else None


@phrase("systemctl ", r"(start|restart) ([\w@.-]+)")
def _start(session: Session, verb: str, name: str) -> int:
    unit = _unit(session, name)
    if unit and unit.masked:
        session.err.append(f"Failed to {verb} {name}: Unit {name} is masked.\n")
        return 1
    if unit is None:
        session.err.append(f"Failed to {verb} {name}: Unit {name} not found.\n")
        return 5
    if session.node.faults().get("start_fails"):
        session.err.append(
            f"Job for {name} failed because the control process exited with error code.\n"
        )
        return 1
    if verb == "restart":
        unit.stop()
    unit.start()  # it waits for the end of a stop
    session.wait(lambda: unit.state not in ("activating", "deactivating"), unit)
    return 0 if unit.state == "active" else 1


@phrase("systemctl stop ", r"([\w@.-]+)")
def _stop(session: Session, name: str) -> int:
    unit = _unit(session, name)
    if unit is None:
        session.err.append(f"Failed to stop {name}: Unit {name} not loaded.\n")
        return 5
    unit.stop()
    session.wait(lambda: unit.state != "deactivating", unit)
    return 0


@phrase("systemctl ", r"(enable|disable) ([\w@.-]+)")
def _enable(session: Session, verb: str, name: str) -> int:
    unit = session.node.units.get(name)
    if unit is None or not unit.installed:
        session.err.append(f"Failed to {verb} unit: Unit file {name} does not exist.\n")
        return 1
    if unit.masked and verb == "enable":
        file = f"{_UNITS}/{name}"
        session.err.append(f"Failed to {verb} unit: Unit file {file} is masked.\n")
        return 1
    link = f"{_UNITS}/multi-user.target.wants/{name}"
    if unit.enabled != (verb == "enable"):
        unit.enabled = verb == "enable"
        _tell_link(session, unit, verb, link, f"/usr/lib/systemd/system/{name}")
    return 0


@phrase("systemctl ", r"(mask|unmask) ([\w@.-]+)")
def _mask(session: Session, verb: str, name: str) -> None:
    unit = session.node.units[name]
    if unit.masked != (verb == "mask"):
        unit.masked = verb == "mask"
        _tell_link(session, unit, verb, f"{_UNITS}/{name}", "/dev/null")


def _tell_link(session: Session, unit: systemd.Unit, verb: str, link: str, to: str) -> None:
    made = verb in ("enable", "mask")
    session.err.append(f"Created symlink {link} → {to}.\n" if made else f"Removed {link}.\n")
    runs = unit.name.removesuffix(".service")
    event = f"unit-{verb.removesuffix('e')}ed"
    session.node.record("systemd", event, unit=unit.name, runs=runs)


@phrase("user=$(systemctl show --property User ", rf"{QUOTED}\)")
def _learn_user(session: Session, name: str) -> None:
    unit = session.node.units[unquoted(name)]
    session.variables["user"] = f"User={unit.daemon.program if unit.installed else ''}"


@phrase("user=${user#User=}", "")
def _cut_user(session: Session) -> None:
    session.variables["user"] = session.variables["user"].removeprefix("User=")


@phrase("journalctl --no-pager -u ", r"([\w@.-]+) -n (\d+) -o cat")
def _journal(session: Session, unit: str, lines: str) -> None:
    session.out.append(f"Started {unit}.\n")


# The lock of a run


@phrase("umask 077\ncase $(stat ", rf".*\nexec flock -w 3 {_LOCK} sh -c \s*'[^']*' {QUOTED}")
def _hold(session: Session, who: str) -> int:
    node = session.node
    if node.lock:
        session.wait(lambda: node.lock is None, node, 3.0)
        if node.lock:
            return 1
    pid = next(node.pids)
    mine = Lock(f"{unquoted(who)}\nprocess {pid}\n", pid, session.connection)
    if node.files.is_full(_LOCK):
        session.err.append("sh: 1: printf: printf: I/O error\n")
        return 1
    node.lock = mine
    try:
        session.wait(lambda: node.lock is not mine, node)
    finally:
        if node.lock is mine and not node.hangs:
            node.lock = None
    return 1


# What an administrator or a fault types


@phrase("pkill -KILL -o -x daos_engine", "")
def _kill_engine(session: Session) -> int:
    running = [engine for engine in session.node.server.engines if engine.pid]
    for engine in running[:1]:
        engine.dies()
    return 0 if running else 1


@phrase("pkill -KILL -x ", "(daos_server|daos_agent)")
def _kill_daemon(session: Session, program: str) -> int:
    session.node.units[f"{program}.service"].dies()
    return 0


@phrase("setsid runuser -u daos_agent -- daos_agent ", r"> /dev/null 2>&1 < /dev/null &")
def _agent_by_hand(session: Session) -> None:
    node = session.node
    if node.has("daos-client"):
        agent = Process(next(node.pids), "daos_agent", node.daemons[AGENT].uid, node.build)
        node.strays.append(agent)
        node.record(agent.name, "start", agent.pid, version=node.version)


@phrase("own=$(systemctl show --property MainPID daos_agent.service); kill ", r"\$\(pgrep .*?\)")
def _kill_strays(session: Session) -> None:
    for stray in session.node.strays[:]:
        _end(session.node, stray)


@phrase("kill ", r"(\d+)")
def _kill(session: Session, pid: str) -> int:
    node = session.node
    for stray in [it for it in node.strays if it.pid == int(pid)]:
        _end(node, stray)
        return 0
    for application in [it for it in node.applications if it.pid == int(pid)]:
        node.close(application)
        return 0
    session.err.append("sh: 1: kill: No such process\n")
    return 1


def _end(node: Node, stray: Process) -> None:
    node.strays.remove(stray)
    node.record(stray.name, "stop", stray.pid, version=stray.build.partition("-")[0])


@phrase("pkill -KILL -f ", r"'\^sshd: \.\*@'")
def _cut_connections(session: Session) -> None:
    session.node.drop_connections()


@phrase("pkill -", "(STOP|CONT) -x sshd")
def _silence(session: Session, how: str) -> None:
    session.node.hang(how == "STOP")
